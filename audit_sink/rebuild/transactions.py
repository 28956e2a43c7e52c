"""Entries back into transactions. Pure, but for the trees that it is given.

A rebuilt batch row has its number anew; a lane's offset is what a context entry said last, so that Kafka
is read from there and compared.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from audit_sink.append import Run, prepare
from audit_sink.copy_format import END, START
from audit_sink.ledger.frontier import Frontier
from audit_sink.notary.statements import CONTEXT
from audit_sink.receipts import is_event_lane
from audit_sink.wall import NOTARY_LANE, Lane, LogState, PreparedBatch
from schemas.leaf import EventRecord

Group = list[tuple[Lane, list[EventRecord]]]
"""Runs of different lanes, in log order."""

GROUP_ENTRIES: Final = 4_096
"""Most entries of one group."""


@dataclass(slots=True)
class Grouping:
    """Gathers entries into runs, one of a lane; ``size`` is where the next one stands."""

    size: int
    ends: frozenset[int]
    """Sizes at which a group must end."""
    offsets: dict[Lane, int] = field(default_factory=dict)
    """Where each lane is read on, as far as the log itself says."""
    _runs: dict[Lane, list[EventRecord]] = field(default_factory=dict)
    _last: Lane | None = None
    _gathered: int = 0

    def add(self, records: Sequence[EventRecord]) -> Iterator[Group]:
        """Takes entries in log order; yields the groups that they ended."""
        for record in records:
            lane = Lane(record.topic, record.partition)
            if lane in self._runs and lane != self._last:
                yield self.take()
            self._runs.setdefault(lane, []).append(record)
            self._last = lane
            self.size += 1
            if lane == NOTARY_LANE:
                self.offsets |= _positions(record)
            self._gathered += 1
            if self.size in self.ends or self._gathered == GROUP_ENTRIES:
                yield self.take()

    def take(self) -> Group:
        """What is gathered, which may be nothing."""
        taken, self._runs, self._last, self._gathered = list(self._runs.items()), {}, None, 0
        return taken


def _positions(record: EventRecord) -> dict[Lane, int]:
    if dict(record.headers).get("ce_type") != CONTEXT.encode():
        return {}
    lanes = [
        (Lane(each["topic"], each["partition"]), each["next_offset"])
        for each in json.loads(record.value or b"{}")["lanes"]
    ]
    return {lane: offset for lane, offset in lanes if is_event_lane(lane)}


@dataclass(slots=True)
class Draft:
    """One database transaction of several groups."""

    state: LogState
    trees: dict[bytes, Frontier]
    made: list[PreparedBatch] = field(default_factory=list)

    def add(self, runs: Sequence[Run]) -> None:
        """One group more; its trees are known."""
        batch = prepare(self.state, runs, self.trees)
        self.state = batch.after
        self.trees |= batch.trees
        self.made.append(batch)

    @property
    def entries(self) -> int:
        """How many entries it has."""
        return sum(batch.entries for batch in self.made)

    def finish(self) -> PreparedBatch:
        """All of it as one transaction."""
        payload = b"".join(batch.payload[len(START) : -len(END)] for batch in self.made)
        return replace(
            self.made[-1],
            rows=tuple(row for batch in self.made for row in batch.rows),
            payload=START + payload + END,
            entries=self.entries,
            large=tuple(large for batch in self.made for large in batch.large),
            tiles=tuple(tile for batch in self.made for tile in batch.tiles),
        )


def run_of(lane: Lane, offset: int, records: Sequence[EventRecord] = ()) -> Run:
    """Records of a lane that is read on from ``offset``."""
    return Run(lane, offset, records, [dict(record.headers) for record in records])
