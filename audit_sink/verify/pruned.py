"""Entries that the files no longer hold: an ``audit.retention`` entry names each such range with its root."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from audit_sink.ledger.tiles import HEIGHT, WIDTH, Bundle, Tile, perfect_root
from audit_sink.ledger.tree import HASH_BYTES
from audit_sink.retention.rules import RETENTION, Range, said_of
from audit_sink.verify.report import PrunedRange, Report
from audit_sink.verify.sources import Files, tile_or_wider
from schemas.errors import Unreadable

FETCHED_AT_ONCE: Final = 32


async def kept_tiles(files: Files, first: int, size: int) -> Sequence[bytes]:
    """The stored leaf hashes of the full bundles that are not there, from ``first`` on: some of them.

    Empty where the bundle at ``first`` is there, is partial, or has no full tile.
    """
    end = min(first // WIDTH + FETCHED_AT_ONCE, size // WIDTH)
    places = range(first // WIDTH, end) if first % WIDTH == 0 else range(0)
    found = await asyncio.gather(
        *(files.get(Bundle(place).path) for place in places),
        *(files.get(Tile(0, place).path) for place in places),
    )
    kept = []
    for bundle, tile in zip(found[: len(places)], found[len(places) :], strict=True):
        if bundle is not None or tile is None or len(tile) != WIDTH * HASH_BYTES:
            break
        kept.append(tile)
    return kept


@dataclass(slots=True)
class Pruned:
    """What is gone, and what the log says about it. The leaf hashes are proven by every later root."""

    report: Report
    gone: list[tuple[int, int]] = field(default_factory=list)
    """First index and end of what is not there, in order, no two of them adjacent."""
    named: set[PrunedRange] = field(default_factory=set)
    """What ``audit.retention`` entries name."""

    def miss(self, first: int, end: int) -> None:
        """Entries ``first`` to ``end - 1`` are not there; those before are known."""
        if self.gone and self.gone[-1][1] == first:
            first, _ = self.gone.pop()
        self.gone.append((first, end))

    def hear(self, index: int, entry: bytes) -> None:
        """Takes an ``audit.retention`` entry."""
        try:
            body = said_of(index, "", RETENTION, entry).body
        except Unreadable as error:
            self.report.check("bytes").fail(
                f"the audit.retention entry {index} cannot be read: {error}", index
            )
            return
        self.named.add(PrunedRange(body["first_index"], body["end_index"], body["root"]))

    async def compare(self, files: Files) -> None:
        """Whether all that is gone was pruned, as the log says; the report names the ranges."""
        for each in sorted(self.named):
            is_gone = any(first < each.end and each.first < end for first, end in self.gone)
            if is_gone and await _root(files, each, self.report.size) == each.root:
                self.report.pruned.append(each)
        if self.gone:
            self.report.heads_from = self.gone[0][1]
        for first, end in self.gone:
            at = first
            for each in self.report.pruned:
                if each.first <= at < each.end:
                    at = each.end
            if at < end:
                message = f"the entries from {at} on are not there, and no audit.retention entry names them"
                self.report.check("size").fail(message, at)

    def saved(self) -> Mapping[str, Any]:
        """All of it, for :meth:`restore`."""
        return {"gone": self.gone, "named": saved_ranges(self.named)}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Goes on from what was saved."""
        self.gone = [(first, end) for first, end in saved["gone"]]
        self.named = ranges_of(saved["named"])


def saved_ranges(ranges: Iterable[PrunedRange]) -> Sequence[Any]:
    """Ranges for a file, for :func:`ranges_of`."""
    return [[each.first, each.end, each.root] for each in sorted(ranges)]


def ranges_of(saved: Sequence[Any]) -> set[PrunedRange]:
    """What :func:`saved_ranges` gave."""
    return {PrunedRange(*each) for each in saved}


async def _root(files: Files, wanted: PrunedRange, size: int) -> str:
    """The root over a range, in hex, from the tile that has its subtrees; empty for what is no subtree."""
    if not Range("", wanted.first, wanted.end).perfect or wanted.end > size:
        return ""
    level = ((wanted.end - wanted.first).bit_length() - 1) // HEIGHT
    place, first = divmod(wanted.first >> (HEIGHT * level), WIDTH)
    count = (wanted.end - wanted.first) >> (HEIGHT * level)
    data = await tile_or_wider(
        files, Tile(level, place, min((size >> HEIGHT * level) - place * WIDTH, WIDTH))
    )
    hashes = (data or b"")[first * HASH_BYTES : (first + count) * HASH_BYTES]
    return perfect_root(hashes).hex() if len(hashes) == count * HASH_BYTES else ""
