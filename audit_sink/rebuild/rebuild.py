"""Restores what a database lacks of the signed log, with nothing but INSERT.

Nothing is written before the bucket's leaf hashes, after what the database has, gave the signed root; each
entry is checked against them. Each transaction follows the newest row, so a rebuild that was cut short
goes on where it stands: until the end the lane ``wall.sink`` says where it began. The end is an
``audit.incarnation`` entry that says what came back. The caller has the lead.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from audit_sink.append import Run, tenants_of
from audit_sink.appender import TREES_KEPT
from audit_sink.continuity import check_root
from audit_sink.errors import Corrupt, Diverged, Lacking, Unavailable
from audit_sink.ledger.frontier import Frontier
from audit_sink.log import ReceiptEnd
from audit_sink.notary.shelves import blob_path
from audit_sink.notices import SOURCE
from audit_sink.rebuild.source import Objects, Promise, Target, edge_after, entries, promise
from audit_sink.rebuild.transactions import Draft, Group, Grouping, run_of
from audit_sink.receipts import is_event_lane
from audit_sink.wall import LOG_TREE, SINK_LANE, LogState, WallStore
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.errors import Unreadable
from schemas.identity import OPERATOR_TENANT, message_key, position_event_id
from schemas.leaf import EventRecord, decode_entry

INCARNATION: Final = "audit.incarnation"
TRANSACTION_ENTRIES: Final = 4_096
"""Entries in one transaction, about; as the sink's."""
ROWS_AT_ONCE: Final = 1_000
"""Empty batch rows in one transaction."""

Progress = Callable[[int, int], None]
"""Called with entries in the database and entries in all."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a rebuild brought back: entries ``first`` to ``size - 1``, under a signed root."""

    first: int
    size: int
    root: bytes


class Rebuild:
    """One rebuild of one wall; ``known`` is what the receipts topic says."""

    def __init__(
        self, wall: WallStore, objects: Objects, known: Mapping[int, ReceiptEnd], progress: Progress
    ) -> None:
        self._wall = wall
        self._objects = objects
        self._named = max((end.batch_no for end in known.values()), default=0)
        self._progress = progress
        self._trees: dict[bytes, Frontier] = {}

    async def run(self, target: Target, now: datetime) -> Restored | None:
        """Restores up to ``target``; None where nothing was missing.

        Raises :class:`~audit_sink.errors.Forked` where the database is no prefix of the signed log, before
        anything is written, :class:`~audit_sink.errors.Diverged` where the bucket contradicts itself, and
        :class:`~audit_sink.errors.Lacking` where it has lost entries, once those before them are restored.
        """
        state = await self._wall.read_state()
        begun = state.lane(SINK_LANE).next_offset
        if state.edge.size < target.checkpoint.size:
            promised = await self._promise(state, target)
            state = await self._restore(await self._begin(state), target, promised)
        else:
            await check_root(self._wall, target.checkpoint)
            if not begun and state.batch_no >= self._named:
                return None
            state = await self._begin(state)
        return await self._end(state, target, now)

    async def _promise(self, state: LogState, target: Target) -> Promise:
        stored = (await self._wall.trees([LOG_TREE]))[LOG_TREE]
        if stored.edge() != state.edge:
            raise Corrupt("the log's tiles and entries give another tree than its newest batch row")
        return await promise(self._objects, stored, target.checkpoint)

    async def _begin(self, state: LogState) -> LogState:
        if state.lane(SINK_LANE).next_offset:
            return state
        return await self._commit(state, [[run_of(SINK_LANE, state.edge.size + 1)]])

    async def _restore(self, state: LogState, target: Target, promised: Promise) -> LogState:
        grouping = Grouping(state.edge.size, target.sizes)
        edge = state.edge
        waiting: list[Group] = []
        try:
            async for found in entries(self._objects, promised):
                edge = edge_after(edge, found)
                waiting += grouping.add([await self._record(entry) for entry in found])
                if grouping.size - state.edge.size >= TRANSACTION_ENTRIES:
                    state, waiting = await self._commit(state, _runs(state, waiting, grouping)), []
                    self._progress(state.edge.size, target.checkpoint.size)
        except Lacking:
            await self._commit(state, _runs(state, [*waiting, grouping.take()], grouping))
            raise
        state = await self._commit(state, _runs(state, waiting, grouping))
        if state.edge != edge:
            raise Corrupt("what was written is not what was read")
        self._progress(state.edge.size, target.checkpoint.size)
        return state

    async def _record(self, entry: bytes) -> EventRecord:
        try:
            record, large = decode_entry(entry)
        except Unreadable as error:
            raise Diverged(f"an entry that is signed is no leaf: {error}") from error
        if large is None:
            return record
        path = blob_path(large[0])
        value = await self._objects.get(path)
        if value is None:
            raise Unavailable(f"{path} is not in the bucket")
        if (sha256(value).digest(), len(value)) != large:
            raise Diverged(f"{path} holds other bytes")
        return replace(record, value=value)

    async def _commit(self, state: LogState, groups: Sequence[Sequence[Run]]) -> LogState:
        if not groups:
            return state
        names = {LOG_TREE}.union(
            *(tenants_of(run.attributes) for runs in groups for run in runs if run.records)
        )
        if len(self._trees) > TREES_KEPT:
            self._trees.clear()
        if unknown := sorted(names - self._trees.keys()):
            self._trees |= await self._wall.trees(unknown)
        draft = Draft(state, self._trees)
        for runs in groups:
            draft.add(runs)
        await self._wall.append(draft.finish())
        return draft.state

    async def _end(self, state: LogState, target: Target, now: datetime) -> Restored:
        begun = state.lane(SINK_LANE).next_offset
        # Consumers drop receipts below the highest batch number that they saw: numbers go on above it.
        while (lacking := self._named - state.batch_no) > 0:
            empty = [run_of(SINK_LANE, begun) for _ in range(min(lacking, ROWS_AT_ONCE))]
            state = await self._commit(state, [empty])
        restored = Restored(begun - 1, target.checkpoint.size, target.checkpoint.root)
        # A row of each lane, for a receipt that says how far it is in the wall again.
        lanes = [run_of(lane, end.next_offset) for lane, end in state.lanes.items() if is_event_lane(lane)]
        said = _incarnation(restored, state.lane(SINK_LANE).next_lane_seq, now)
        await self._commit(state, [[*lanes, run_of(SINK_LANE, 0, [said])]])
        return restored


def _runs(state: LogState, groups: Sequence[Group], grouping: Grouping) -> list[list[Run]]:
    offsets = grouping.offsets
    return [
        [run_of(lane, offsets.get(lane, state.lane(lane).next_offset), records) for lane, records in group]
        for group in groups
    ]


def _incarnation(restored: Restored, lane_seq: int, now: datetime) -> EventRecord:
    envelope = Envelope(
        id=position_event_id(*SINK_LANE, lane_seq, 0),
        type=INCARNATION,
        source=SOURCE,
        subject="log",
        time=timestamp(now),
        tenant=OPERATOR_TENANT,
        actor=SOURCE,
        sequence=lane_seq,
    )
    body = {
        "first_index": restored.first,
        "next_index": restored.size,
        "root": restored.root.hex(),
    }
    headers = [header for header in headers_of(envelope) if header[0] != "content-type"]
    return EventRecord(
        *SINK_LANE,
        lane_seq,
        message_key(OPERATOR_TENANT, "log"),
        (*headers, ("content-type", b"application/json")),
        json.dumps(body, separators=(",", ":"), sort_keys=True).encode(),
    )
