"""Transactions of the wall that follow each other."""

from collections import defaultdict
from collections.abc import Iterable

from audit_sink.append import Run, prepare
from audit_sink.ledger.frontier import Frontier
from audit_sink.wall import EMPTY_LOG, Lane, LogState, PreparedBatch
from schemas.leaf import EventRecord


def fresh_trees() -> defaultdict[bytes, Frontier]:
    """The trees of an empty wall."""
    return defaultdict(Frontier)


def run_of_all(records: list[EventRecord], next_offset: int | None = None) -> Run:
    """All events of one lane; offsets follow sequences."""
    lane = Lane(records[0].topic, records[0].partition)
    end = records[-1].lane_seq if next_offset is None else next_offset
    return Run(lane, end, records, [dict(record.headers) for record in records])


class Log:
    """A log as one leader would write it."""

    def __init__(self, state: LogState = EMPTY_LOG) -> None:
        self.state = state
        self.trees = fresh_trees()

    def of(self, *parts: list[EventRecord]) -> PreparedBatch:
        """The next transaction: these events, a lane's after the other's."""
        return self.make(run_of_all(part) for part in parts)

    def make(self, runs: Iterable[Run]) -> PreparedBatch:
        """The next transaction of these runs."""
        batch = prepare(self.state, list(runs), self.trees)
        self.state = batch.after
        self.trees.update(batch.trees)
        return batch
