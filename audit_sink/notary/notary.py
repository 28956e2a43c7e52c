"""One round after the other: read what is new, recompute it, put it on the shelf, sign it.

Every step may be repeated: objects are put idempotently, the last word is kept before it is said, and
a restart goes on from the newest note that anybody kept.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import Final

from audit_sink.errors import Diverged
from audit_sink.ledger.checkpoint import Checkpoint, read_checkpoint
from audit_sink.ledger.frontier import Frontier, FullTile, widths
from audit_sink.ledger.keys import Signer, Verifier, verifier
from audit_sink.ledger.note import BadNote, Note, read_note
from audit_sink.ledger.reading import Contradiction, LogReading, StoredEntry
from audit_sink.ledger.tiles import (
    HEIGHT,
    MAX_LEVEL,
    WIDTH,
    Bundle,
    Tile,
    decode_bundle,
    encode_bundle,
    hashes_of,
)
from audit_sink.notary.corrections import Refuted, refuted
from audit_sink.notary.ports import Guard, Memory, NewRows, Shelf, WallReader
from audit_sink.notary.shelves import EDGE, KEPT, blob_path, grown, tile_bytes
from audit_sink.notary.statements import (
    Statement,
    context,
    correction_refuted,
    records,
    size_of_context,
    tenant_head,
)
from audit_sink.notary.witnesses import Witnesses
from audit_sink.wall import NOTARY_LANE
from schemas.leaf import large_value_of, leaf_hash

ANCHOR_EVERY: Final = timedelta(seconds=60)
"""Longest time between two anchors, idle or not: silence of a log shows within a minute."""
ANCHOR_ENTRIES: Final = 65_536
"""Most entries between two anchors."""
ROUND_ENTRIES: Final = 16_384
"""Entries read at once: some 20 MB."""
PUTS_AT_ONCE: Final = 8

_log = logging.getLogger("audit_sink.notary")


@dataclass(slots=True)
class Signed:
    """Where the notary stands: everything up to its last checkpoint."""

    reading: LogReading
    frontier: Frontier
    tail: list[bytes]
    """Entries after the last full bundle."""
    checkpoint: Checkpoint
    note: bytes
    resumed: bool = True
    """Whether nothing was signed since the start."""


@dataclass(slots=True)
class Anchoring:
    """The anchor under way, and when the next one is due."""

    due: datetime | None = None
    size: int = 0
    """Size of the log that the last context states."""
    statement: int = 0
    """Number of the newest context entry that was asked for; 0 when none is under way."""
    changed: set[str] = field(default_factory=set)
    """Tenants with entries since the last anchor."""
    refuted: list[Refuted] = field(default_factory=list)
    """False corrections since then."""


class Notary:
    """``origin`` names the log; ``signers`` are its own keys, the first of them Ed25519."""

    def __init__(
        self,
        origin: str,
        signers: Sequence[Signer],
        wall: WallReader,
        shelf: Shelf,
        memory: Memory,
        witnesses: Witnesses,
        now: Callable[[], datetime],
        incarnation: str,
    ) -> None:
        self._origin = origin
        self._signers = signers
        self._own: tuple[Verifier, ...] = tuple(verifier(each.vkey) for each in signers)
        self._wall = wall
        self._shelf = shelf
        self._memory = memory
        self._witnesses = witnesses
        self._now = now
        self._incarnation = incarnation
        self._anchoring = Anchoring()
        self.signed: Signed | None = None

    async def resume(self) -> Signed:
        """Finds its last word and stands there again.

        Raises :class:`~audit_sink.errors.Diverged` where the notes, the shelf and the wall do not agree,
        and :class:`~audit_sink.errors.Behind` where the wall ends before it.
        """
        kept = [
            await self._memory.last(),
            await self._wall.newest_note(),
            await self._shelf.get(f"{EDGE}/checkpoint"),
        ]
        notes = {note: self._read(note) for note in kept if note is not None}
        if not notes:
            empty = LogReading()
            self.signed = Signed(empty, Frontier(), [], Checkpoint(self._origin, 0, empty.edge.root()), b"")
            return self.signed
        note, checkpoint = max(notes.items(), key=lambda each: each[1].size)
        for other in notes.values():
            if other.size == checkpoint.size and other.root != checkpoint.root:
                raise Diverged(f"two checkpoints of size {checkpoint.size} are signed")
        frontier = await self._frontier(checkpoint.size)
        edge = frontier.edge()
        if edge.root() != checkpoint.root:
            raise Diverged(f"the tiles at size {checkpoint.size} give another root than was signed")
        reading = await self._wall.reading_at(checkpoint.size)
        reading.edge = edge
        await self._wall.restore_statements()
        _, newest = await self._wall.newest_statement()
        self._anchoring.size = min(size_of_context(newest), checkpoint.size)
        self._anchoring.changed |= set(
            await self._wall.changed_tenants(self._anchoring.size, checkpoint.size)
        )
        corrections = await self._wall.corrections(self._anchoring.size, checkpoint.size)
        self._anchoring.refuted = await refuted(corrections, self._wall)
        await self._memory.remember(note)
        self.signed = Signed(reading, frontier, await self._tail(frontier), checkpoint, note)
        return self.signed

    async def round(self) -> bool:
        """Signs what is new; whether there was anything. Whatever it raises, the next round resumes first.

        Raises :class:`~audit_sink.errors.Diverged` where the wall contradicts itself or its last checkpoint.
        """
        signed, self.signed = self.signed or await self.resume(), None
        await self._anchor_when_due(signed)
        new = await self._wall.rows(signed.reading.batch_no, ROUND_ENTRIES)
        if new.batches:
            try:
                await self._sign(signed, new)
            except Contradiction as error:
                raise Diverged(f"{error.check}: {error}") from error
        self.signed = signed
        return bool(new.batches)

    async def _sign(self, signed: Signed, new: NewRows) -> None:
        entries = iter(new.entries)
        leaves: list[bytes] = []
        for row in new.batches:
            mine = list(islice(entries, row.next_index - row.first_index))
            leaves += signed.reading.take(row, mine)
        await self._note_changes(new.entries)
        frontier, full = signed.frontier.extend(leaves)
        bundles, tail = _bundles(signed.frontier.size, signed.tail, [each.entry for each in new.entries])
        size, root = signed.reading.edge.size, signed.reading.edge.root()
        anchored = self._is_anchored(signed.reading)
        if leaves or not signed.note:
            await self._put_large_values(new.entries)
            await self._put_tiles(frontier, full, bundles, tail, anchored)
            await self._say(signed, Checkpoint(self._origin, size, root), anchored)
            for tile in _filled(signed, full, bundles):
                await self._shelf.drop(f"{EDGE}/{tile.path}.p/")
        signed.frontier, signed.tail, signed.resumed = frontier, tail, False

    async def _say(self, signed: Signed, checkpoint: Checkpoint, anchored: bool) -> None:
        now = self._now()
        text = checkpoint.text()
        note = Note(text, tuple(signer.sign(text, int(now.timestamp())) for signer in self._signers))
        await self._memory.remember(note.encode())
        note = note.plus(await self._witnesses.cosign(note, checkpoint))
        data = note.encode()
        if anchored:
            await self._shelf.keep({f"{KEPT}/checkpoint/{checkpoint.size}": data})
        await self._shelf.put(f"{EDGE}/checkpoint", data)
        await self._wall.add_checkpoint(checkpoint.size, checkpoint.root, data, anchored, now)
        signed.checkpoint, signed.note = checkpoint, data
        if anchored:
            self._anchoring.statement = 0

    async def _put_tiles(
        self,
        frontier: Frontier,
        full: Sequence[FullTile],
        bundles: Sequence[tuple[int, bytes]],
        tail: Sequence[bytes],
        anchored: bool,
    ) -> None:
        kept = {Bundle(place).path: data for place, data in bundles}
        kept |= {Tile(tile.level, tile.place).path: tile.hashes for tile in full}
        unfilled = {
            Tile(level, frontier.size >> (8 * (level + 1)), len(row)).path: b"".join(row)
            for level, row in enumerate(frontier.rows)
            if row
        }
        if tail:
            unfilled[Bundle(frontier.size // WIDTH, len(tail)).path] = encode_bundle(tail)
        if anchored:
            kept |= unfilled
        await self._shelf.keep({f"{KEPT}/{path}": data for path, data in kept.items()})
        for path, data in unfilled.items():
            await self._shelf.put(f"{EDGE}/{path}", data)

    async def _put_large_values(self, entries: Sequence[StoredEntry]) -> None:
        found = [large[0] for each in entries if (large := large_value_of(each.entry)) is not None]
        for start in range(0, len(found), PUTS_AT_ONCE):
            digests = found[start : start + PUTS_AT_ONCE]
            values = await self._wall.large_values(digests)
            for digest in digests:
                if sha256(values.get(digest, b"")).digest() != digest:
                    raise Diverged(f"the value {digest.hex()} that an entry names is not in the wall")
            await self._shelf.keep({f"{KEPT}/{blob_path(digest)}": values[digest] for digest in digests})

    async def _note_changes(self, entries: Sequence[StoredEntry]) -> None:
        # What the notary itself says is no change, or every anchor would make the next one's.
        self._anchoring.changed |= {each.tenant_id for each in entries if each.topic != NOTARY_LANE.topic}
        for false in await refuted(entries, self._wall):
            _log.error("a correction is refuted", extra={"index": false.index, "why": false.why})
            self._anchoring.refuted.append(false)

    def _is_anchored(self, reading: LogReading) -> bool:
        asked = self._anchoring.statement
        return bool(asked) and reading.lanes.next_seq.get(NOTARY_LANE, 1) > asked

    async def _anchor_when_due(self, signed: Signed) -> None:
        anchoring, now = self._anchoring, self._now()
        waited = anchoring.due is None or now >= anchoring.due
        grown = signed.reading.edge.size - anchoring.size >= ANCHOR_ENTRIES
        if anchoring.statement or not (waited or grown):
            return
        statements = await self._statements(signed, await self._wall.guard(), now)
        first = (await self._wall.newest_statement())[0] + 1
        await self._wall.add_statements(first, records(statements, first, now))
        anchoring.statement = first + len(statements) - 1
        anchoring.due = now + ANCHOR_EVERY
        anchoring.size, anchoring.changed, anchoring.refuted = signed.reading.edge.size, set(), []

    async def _statements(self, signed: Signed, guard: Guard, now: datetime) -> list[Statement]:
        tenants = sorted(self._anchoring.changed)
        heads = await self._wall.trees(tenants) if tenants else {}
        found = [tenant_head(name, tree.size, tree.edge().root()) for name, tree in heads.items()]
        found += [correction_refuted(each.index, each.why) for each in self._anchoring.refuted]
        return [*found, context(signed.reading, guard, self._incarnation, now)]

    def _read(self, data: bytes) -> Checkpoint:
        try:
            note = read_note(data)
            for own in self._own:
                own.verify(note)
            checkpoint = read_checkpoint(note.text)
        except BadNote as error:
            raise Diverged(f"a kept checkpoint is not ours: {error}") from error
        if checkpoint.origin != self._origin:
            raise Diverged(f"a kept checkpoint is of the log {checkpoint.origin!r}")
        return checkpoint

    async def _frontier(self, size: int) -> Frontier:
        rows: list[tuple[bytes, ...]] = []
        for level, width in enumerate(widths(size)):
            data = b""
            if width:
                data = await tile_bytes(self._shelf, Tile(level, size >> (8 * (level + 1)), width))
            rows.append(tuple(hashes_of(data)) if data else ())
        return Frontier(size, tuple(rows))

    async def _tail(self, frontier: Frontier) -> list[bytes]:
        """The entries after the last full bundle, which their next bundle is made from and locked with."""
        width = frontier.size % WIDTH
        if not width:
            return []
        bundle = Bundle(frontier.size // WIDTH, width)
        data = await grown(self._shelf, bundle.path, Bundle(bundle.place).path)
        if data is None:
            raise Diverged(f"the entries before size {frontier.size} are not on the shelf")
        try:
            tail = decode_bundle(data)[:width]
        except ValueError as error:
            raise Diverged(f"{bundle.path}: {error}") from error
        if tuple(map(leaf_hash, tail)) != frontier.rows[0]:
            raise Diverged(
                f"the entries before size {frontier.size} are other ones than those that were signed"
            )
        return tail


def _filled(
    before: Signed, full: Sequence[FullTile], bundles: Sequence[tuple[int, bytes]]
) -> list[Tile | Bundle]:
    """What has no partial form any more and may have had one: of each level the first that filled up.

    All, after a start: an interrupted round may have put more.
    """
    filled: list[Tile | Bundle] = [Tile(tile.level, tile.place) for tile in full]
    filled += [Bundle(place) for place, _ in bundles]
    size = before.frontier.size
    first: set[Tile | Bundle] = {Tile(level, size >> HEIGHT * (level + 1)) for level in range(MAX_LEVEL)}
    first.add(Bundle(size >> HEIGHT))
    return filled if before.resumed else [tile for tile in filled if tile in first]


def _bundles(
    size: int, tail: Sequence[bytes], entries: Sequence[bytes]
) -> tuple[list[tuple[int, bytes]], list[bytes]]:
    """The bundles that filled up, with their places, and the entries after them."""
    waiting = [*tail, *entries]
    place = size // WIDTH
    full = []
    while len(waiting) >= WIDTH:
        full.append((place, encode_bundle(waiting[:WIDTH])))
        del waiting[:WIDTH]
        place += 1
    return full, waiting
