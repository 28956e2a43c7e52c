"""What an owner can have done: see what may go, export it, prune it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from audit_sink.ledger.tiles import WIDTH, perfect_root
from audit_sink.retention.export import digest_of, is_empty, write_bundle, write_value
from audit_sink.retention.postgres import OwnersWall
from audit_sink.retention.rules import Range, Refused, in_force, permission
from schemas.leaf import large_value_of, leaf_hash

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A full and anchored range, and why it stays, if it does."""

    range: Range
    newest: datetime | None
    kept_by: str
    """Empty: it may be pruned."""


async def plan(wall: OwnersWall, period: timedelta, now: datetime) -> list[Candidate]:
    """Every range that is full and anchored."""
    anchored, holds = await wall.anchored(), in_force(await wall.said())
    found = []
    for each in await wall.partitions():
        if each.end > anchored or not each.perfect:
            continue
        newest = await wall.newest(each)
        held = [hold for hold in holds if await wall.holds(each, hold)]
        kept_by = f"hold {held[0].name!r} of {held[0].tenant}" if held else ""
        if newest is None or newest + period > now:
            kept_by = "its retention period"
        found.append(Candidate(each, newest, kept_by))
    return found


async def export(wall: OwnersWall, first: int, end: int, folder: Path, progress: Progress) -> tuple[str, str]:
    """Writes a range into a folder; its root and the export's digest, in hex."""
    wanted = await _range(wall, first, end)
    if not is_empty(folder):
        raise Refused(f"{folder} is not empty")
    roots = []
    for start in range(wanted.first, wanted.end, WIDTH):
        entries = await wall.entries(start, start + WIDTH)
        if len(entries) != WIDTH:
            raise Refused(f"entries from {start} on are missing")
        roots.append(write_bundle(folder, start, entries))
        for entry in entries:
            if (large := large_value_of(entry)) is not None:
                if (value := await wall.value(large[0])) is None:
                    raise Refused(f"the value {large[0].hex()} is missing")
                write_value(folder, large[0], value)
        progress(start + WIDTH - wanted.first, wanted.end - wanted.first)
    return perfect_root(b"".join(roots)).hex(), digest_of(folder)


async def prune(
    wall: OwnersWall,
    first: int,
    end: int,
    folder: Path,
    period: timedelta,
    now: datetime,
    authority: str = "",
) -> int:
    """Drops a range's entries; the index of the entry on whose authority.

    Raises :class:`Refused` and changes nothing unless the range is full, anchored, past its period, under no
    hold, exported as the ``audit.retention`` entry says, and that entry anchored. An ``authority`` for the
    period is the one that the two operators approved.
    """
    async with wall.alone():
        wanted, anchored, said = await _range(wall, first, end), await wall.anchored(), await wall.said()
        if wanted.end > anchored:
            raise Refused("no anchored checkpoint covers the range yet")
        newest = await wall.newest(wanted)
        if newest is None or newest + period > now:
            raise Refused(f"its retention period of {period.days} days is not over")
        for hold in in_force(said):
            if await wall.holds(wanted, hold):
                raise Refused(f"the hold {hold.name!r} of {hold.tenant} is in force")
        root = await _root(wall, wanted)
        by = permission(said, wanted, root, digest_of(folder), anchored)
        if authority and by.body["authority"] != authority:
            raise Refused(f"the audit.retention entry names another authority: {by.body['authority']!r}")
        await wall.prune(wanted, root, by.index)
    return by.index


async def _root(wall: OwnersWall, wanted: Range) -> bytes:
    roots = []
    for start in range(wanted.first, wanted.end, WIDTH):
        entries = await wall.entries(start, start + WIDTH)
        if len(entries) != WIDTH:
            raise Refused(f"entries from {start} on are missing")
        roots.append(perfect_root(b"".join(map(leaf_hash, entries))))
    return perfect_root(b"".join(roots))


async def _range(wall: OwnersWall, first: int, end: int) -> Range:
    for each in await wall.partitions():
        if (each.first, each.end) == (first, end) and each.perfect:
            return each
    raise Refused(f"entries {first} to {end - 1} are no partition of the wall")
