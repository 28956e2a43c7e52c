"""The whole log, entry by entry: everything that follows from its files and the public keys alone."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from audit_sink.append import tenant_of
from audit_sink.ledger.checkpoint import Checkpoint
from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.note import BadNote
from audit_sink.ledger.reading import Contradiction, Lanes, read_entry
from audit_sink.ledger.tiles import WIDTH, Bundle, Tile, decode_bundle, tiles_between
from audit_sink.ledger.tree import RightEdge
from audit_sink.notary.statements import CONTEXT, TENANT_HEAD
from audit_sink.verify.report import Report
from audit_sink.verify.sources import Files, tile_or_wider
from audit_sink.verify.trust import Trust
from audit_sink.wall import NOTARY_LANE, Lane
from schemas.envelope import moment_of
from schemas.errors import Unreadable
from schemas.leaf import EventRecord, leaf_hash

FRESH: Final = timedelta(seconds=180)
"""Age of the newest context entry from which a log counts as silent: three anchors."""

Progress = Callable[[int, int], None]
"""Called with entries read and entries in all."""


@dataclass(slots=True)
class Ahead:
    """A tree of which a root is stated some leaves later: the stated size, then the leaves after it."""

    edge: RightEdge = field(default_factory=RightEdge)
    waiting: list[bytes] = field(default_factory=list)

    @property
    def size(self) -> int:
        """All leaves."""
        return self.edge.size + len(self.waiting)

    def root_at(self, size: int) -> bytes | None:
        """The root at a size between the last one asked for and now; None outside."""
        count = size - self.edge.size
        if not 0 <= count <= len(self.waiting):
            return None
        self.edge = self.edge.extend(self.waiting[:count])
        del self.waiting[:count]
        return self.edge.root()


class LogCheck:
    """One run over the files of a log."""

    def __init__(self, files: Files, trust: Trust, report: Report, progress: Progress) -> None:
        self._files = files
        self._trust = trust
        self._report = report
        self._progress = progress
        self._frontier = Frontier()
        self._lanes = Lanes()
        self._whole = Ahead()
        self._tenants: dict[str, Ahead] = {}
        self._contexts: list[Mapping[str, Any]] = []

    async def run(self, since: Sequence[bytes], now: datetime) -> None:
        """All checks; ``since`` are notes that were kept from earlier."""
        newest = await self._newest()
        if newest is None:
            return
        others = await self._others(since, newest)
        wanted = {checkpoint.size: checkpoint for checkpoint in others} | {newest.size: newest}
        self._report.signed_sizes = sorted(wanted)
        await self._read(newest.size, sorted(wanted))
        self._check_roots([*others, newest])
        self._check_guard()
        self._check_fresh(newest, others, now)
        self._report.finished = True

    async def _newest(self) -> Checkpoint | None:
        check = self._report.check("note")
        data = await self._files.get("checkpoint")
        check.compared = 1
        if data is None:
            check.fail("there is no checkpoint")
            return None
        try:
            checkpoint = self._trust.checkpoint(data)
        except BadNote as error:
            check.fail(str(error))
            return None
        self._report.size, self._report.root = checkpoint.size, checkpoint.root.hex()
        return checkpoint

    async def _others(self, since: Sequence[bytes], newest: Checkpoint) -> list[Checkpoint]:
        check = self._report.check("note")
        notes = [*since, *[note async for note in self._files.kept_checkpoints()]]
        found: list[Checkpoint] = []
        for note in notes:
            check.compared += 1
            try:
                found.append(self._trust.checkpoint(note))
            except BadNote as error:
                check.fail(f"a kept checkpoint: {error}")
        for each in found:
            if each.size > newest.size:
                self._report.check("fresh").fail(
                    f"a checkpoint of size {each.size} was kept, the newest has {newest.size}"
                )
        return [each for each in found if each.size <= newest.size]

    async def _read(self, size: int, stops: Sequence[int]) -> None:
        self._roots: dict[int, bytes] = {0: RightEdge().root()}
        waiting = list(stops)
        while self._frontier.size < size:
            start = self._frontier.size
            width = min(WIDTH, size - start)
            entries = await self._bundle(Bundle(start // WIDTH, width))
            if entries is None:
                return
            hashes = [self._entry(start + place, entry) for place, entry in enumerate(entries)]
            for stop in _between(waiting, start, start + width):
                self._roots[stop] = self._frontier.extend(hashes[: stop - start])[0].edge().root()
            before = self._frontier
            self._frontier, full = before.extend(hashes)
            made = {Tile(tile.level, tile.place): tile.hashes for tile in full}
            for tile in tiles_between(before.size, self._frontier.size):
                if tile.width == WIDTH:
                    await self._tile(tile, made[tile])
            self._progress(self._frontier.size, size)
        for level, row in enumerate(self._frontier.rows):
            if row:
                await self._tile(Tile(level, size >> (8 * (level + 1)), len(row)), b"".join(row))

    async def _bundle(self, bundle: Bundle) -> list[bytes] | None:
        check = self._report.check("size")
        data = await tile_or_wider(self._files, bundle)
        start = bundle.place * WIDTH
        if data is None:
            check.fail(f"the entries from {start} on are not there", start)
            return None
        try:
            entries = decode_bundle(data)[: bundle.width]
        except ValueError as error:
            self._report.check("bytes").fail(f"{bundle.path}: {error}", start)
            return None
        check.compared += len(entries)
        if len(entries) != bundle.width:
            check.fail(f"{bundle.path} has {len(entries)} entries", start + len(entries))
            return None
        return entries

    def _entry(self, index: int, entry: bytes) -> bytes:
        check = self._report.check("bytes")
        check.compared += 1
        digest = leaf_hash(entry)
        self._whole.waiting.append(digest)
        try:
            record = read_entry(index, entry)
        except Contradiction as error:
            check.fail(str(error), index)
            return digest
        self._follow(index, record)
        headers = dict(record.headers)
        self._tenants.setdefault(tenant_of(headers).decode(), Ahead()).waiting.append(digest)
        if record.topic == NOTARY_LANE.topic:
            self._statement(index, headers.get("ce_type", b""), record.value or b"")
        return digest

    def _follow(self, index: int, record: EventRecord) -> None:
        lanes = self._report.check("lanes")
        lanes.compared += 1
        try:
            self._lanes.follow(index, record)
        except Contradiction as error:
            lanes.fail(str(error), index)

    def _statement(self, index: int, kind: bytes, value: bytes) -> None:
        try:
            body: dict[str, Any] = json.loads(value)
            if kind == TENANT_HEAD.encode():
                self._tenant_head(index, body)
            elif kind == CONTEXT.encode():
                self._context(index, body)
        except (ValueError, KeyError, TypeError) as error:
            self._report.check("bytes").fail(f"statement at {index} cannot be read: {error!r}", index)

    def _tenant_head(self, index: int, body: Mapping[str, Any]) -> None:
        check = self._report.check("tenant")
        check.compared += 1
        root = self._tenants.get(body["tenant"], Ahead()).root_at(int(body["size"]))
        if root is None or root.hex() != body["root"]:
            check.fail(f"entry {index} states another head of tenant {body['tenant']!r}", index)

    def _context(self, index: int, body: Mapping[str, Any]) -> None:
        check = self._report.check("root")
        check.compared += 1
        root = self._whole.root_at(int(body["size"]))
        if root is None or root.hex() != body["root"]:
            check.fail(f"entry {index} states another root at size {body['size']}", index)
        for lane in body["lanes"]:
            at = Lane(lane["topic"], lane["partition"])
            if lane["next_lane_seq"] > self._lanes.next_seq.get(at, 1):
                message = f"entry {index} says that {at.topic}/{at.partition} goes further than it does"
                self._report.check("lanes").fail(message, index)
        self._contexts.append(body)

    async def _tile(self, tile: Tile, hashes: bytes) -> None:
        check = self._report.check("tiles")
        check.compared += 1
        data = await tile_or_wider(self._files, tile)
        if data is None:
            check.fail(f"{tile.path} is not there", tile.place << (8 * (tile.level + 1)))
        elif data[: len(hashes)] != hashes:
            check.fail(f"{tile.path} has other hashes", tile.place << (8 * (tile.level + 1)))

    def _check_roots(self, checkpoints: Sequence[Checkpoint]) -> None:
        check, consistency = self._report.check("root"), self._report.check("consistency")
        for checkpoint in sorted(checkpoints, key=lambda each: each.size):
            check.compared += 1
            consistency.compared += 1
            root = self._roots.get(checkpoint.size)
            if root is None:
                check.fail(f"size {checkpoint.size} was not reached")
            elif root != checkpoint.root:
                check.fail(f"the entries give another root at size {checkpoint.size}")
                consistency.fail(f"the checkpoint of size {checkpoint.size} is no prefix of this log")

    def _check_guard(self) -> None:
        check = self._report.check("guard")
        expected = self._trust.guard
        for body in self._contexts:
            check.compared += 1
            expected = expected or str(body["guard"])
            if body["guard_lacking"]:
                check.fail(f"at {body['time']} the wall lacked: {'; '.join(body['guard_lacking'])}")
            if body["guard"] != expected:
                check.fail(f"at {body['time']} other things protected the wall than before")

    def _check_fresh(self, newest: Checkpoint, others: Sequence[Checkpoint], now: datetime) -> None:
        check = self._report.check("fresh")
        check.compared += len(others) + 1
        times = [str(body["time"]) for body in self._contexts]
        self._report.times = [times[0], times[-1]] if times else []
        if not times:
            check.fail("the log never said how late it was")
            return
        try:
            newest_time = moment_of(times[-1])
        except Unreadable:
            check.fail("the newest context has no time")
            return
        if now.astimezone(UTC) - newest_time > FRESH:
            check.fail(f"the log last spoke at {times[-1]}")


def _between(stops: list[int], start: int, end: int) -> Iterator[int]:
    while stops and stops[0] <= end:
        stop = stops.pop(0)
        if stop > start:
            yield stop
