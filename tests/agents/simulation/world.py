"""Everything that a simulation consists of, and what must hold in it."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final

from agents.reading import Identified
from agents.records import CommandRecord, LaneId
from client.sequence import step
from projections.apply.happened import happened
from projections.invariants.deliveries import events_are_published_in_order
from projections.invariants.evidence import Evidence, PublishedEvent, StoredEvent
from projections.invariants.replay import document, projections_equal_a_replay, versions_have_no_hole
from projections.invariants.workflows import workflow_document
from schemas.leaf import encode_entry, leaf_hash
from schemas.models import Command
from schemas.topics import command_topic_for_events, event_topic_of
from tests.agents.commands import record
from tests.agents.simulation.loop import VirtualLoop, silent
from tests.agents.simulation.points import Died, Fault, Points
from tests.agents.simulation.worker import READER, Servers, Worker

EPOCH: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LONG: Final = 15.0
"""Seconds after which everything has come to rest, whatever was retried."""

MAX_STARTS: Final = 60
"""Starts after which a crash loop counts as endless: five for each deadly command, and some."""

HELD: Final = frozenset({"quarantined", "parked", "discarded"})
"""States in which a quarantine row is a command's outcome."""


class World:
    """Servers, workers, and a clock that all of them share."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(silent)
        self.clock_error = timedelta()
        self.servers = Servers(clock=self.now)
        self.workers: list[Worker] = []
        self._checked: dict[tuple[str, int], int] = {}
        self._last: dict[tuple[str, int], int] = {}

    def now(self) -> datetime:
        """The workers' clock, which may jump."""
        return EPOCH + timedelta(seconds=self.loop.now) + self.clock_error

    def send(self, command: Command | CommandRecord, command_id: str = "") -> CommandRecord:
        """A producer's record, acknowledged by the broker."""
        made = command if isinstance(command, CommandRecord) else record(command, command_id)
        return self.servers.broker.append(made)

    @property
    def sent_to(self) -> list[LaneId]:
        """Lanes that hold commands."""
        return sorted(self.servers.broker.commands)

    def start(
        self, assigned: Collection[LaneId] | None = None, plan: Mapping[int, Fault] | None = None
    ) -> Worker:
        """A new process; without ``assigned`` it owns every lane that holds commands."""
        lanes = self.sent_to if assigned is None else assigned
        worker = Worker(self.servers, self.loop, lanes, Points(plan))
        self.workers.append(worker)
        return worker

    def deliver(self, worker: Worker, lane: LaneId, first: int = 0, count: int = 1000) -> None:
        """The group consumer hands a batch over."""
        log = self.servers.broker.commands.get(lane, [])
        worker.deliver([r for r in log[first : first + count] if r is not None])

    def group_offset(self, lane: LaneId) -> int:
        """Where the consumer group goes on: what was acknowledged, often below what is decided."""
        return max((worker.acknowledged.get(lane, 0) for worker in self.workers), default=0)

    def run(self, seconds: float = 0.0) -> None:
        """Runs everything that happens in the next ``seconds``, and checks what must always hold."""
        self.loop.advance(seconds)
        self.check_always()

    def process_all(self) -> Worker:
        """A process with every lane takes what is there and comes to rest."""
        worker = self.start()
        for lane in self.sent_to:
            self.deliver(worker, lane)
        self.run(LONG)
        return worker

    def recover(self) -> Worker:
        """Ends every process, starts new ones until nothing is left to do, and checks everything."""
        for worker in self.workers:
            worker.kill()
        self.servers.tables.end_idle_transactions()
        self.run()
        worker = self.restart_until_calm()
        self.check()
        return worker

    def restart_until_calm(self) -> Worker:
        """What an orchestrator does with a process that dies of its input."""
        for _ in range(MAX_STARTS):
            worker = self.start()
            for lane in self.sent_to:
                self.deliver(worker, lane, self.group_offset(lane))
            self.run(LONG)
            if worker.alive:
                return worker
            assert isinstance(worker.ended_by, Died), worker.ended_by
        raise AssertionError("the workers die for ever")

    def check_always(self) -> None:
        """What holds at every moment: no consumer with the drop rule finds a hole or other bytes,
        and no lane believes that more is published than is."""
        for where, log in self.servers.broker.events.items():
            stored = self.servers.tables.events[LaneId(command_topic_for_events(where[0]), where[1])]
            for event in log[self._checked.get(where, 0) :]:
                last = self._last.get(where, 0)
                assert step(last, event.lane_seq) != "gap", f"{where}: {event.lane_seq} comes after {last}"
                assert event == stored[event.lane_seq - 1].record
                self._last[where] = max(last, event.lane_seq)
            self._checked[where] = len(log)
        for lane, row in self.servers.tables.lanes.items():
            assert row.published_seq <= self._last.get((event_topic_of(lane.topic), lane.partition), 0)
            assert row.next_seq == len(self.servers.tables.events.get(lane, [])) + 1

    def check(self) -> None:
        """The invariants of a system that has come to rest."""
        self.check_always()
        self._check_outcomes()
        evidence = self._evidence()
        for invariant in (
            events_are_published_in_order(evidence),
            versions_have_no_hole(evidence),
            projections_equal_a_replay(evidence),
        ):
            assert invariant.holds, (invariant.claim, invariant.problems)
        ids = [e.happened.event_id for events in evidence.events.values() for e in events]
        assert len(ids) == len(set(ids)), "two events have one id"
        for events in evidence.events.values():
            times = [event.happened.occurred_at for event in events]
            assert times == sorted(times), "event time went back"
        assert not self.servers.tables.locks, "a lane is locked for ever"

    def _check_outcomes(self) -> None:
        """Every record has one outcome: a row of its own, or that of the command that it repeats."""
        tables = self.servers.tables
        for lane, log in self.servers.broker.commands.items():
            assert tables.lane(lane).next_offset == len(log), f"{lane} is not at its end"
            for sent in filter(None, log):
                held = tables.quarantine.get((lane, sent.offset))
                reading = READER.read(sent)
                if not isinstance(reading, Identified):
                    assert held, f"{lane}@{sent.offset} was lost"
                    continue
                row = tables.inbox.get(reading.key)
                own = row is not None and (row.lane, row.offset) == (lane, sent.offset)
                kept = held is not None and held.state in HELD
                assert own + kept <= 1, f"{lane}@{sent.offset} has two outcomes"
                assert row or kept, f"{lane}@{sent.offset} was lost"

    def types(self, lane: LaneId) -> list[str]:
        """Types of the lane's events, without the common beginning."""
        events = self.servers.tables.events.get(lane, [])
        return [event.happened.type.removeprefix("governance.") for event in events]

    def reasons(self, lane: LaneId) -> list[object]:
        """Reason codes of the lane's rejections and quarantines."""
        events = self.servers.tables.events.get(lane, [])
        return [e.happened.body["reason"] for e in events if "reason" in e.happened.body]

    def close(self) -> None:
        """Ends every process and the loop."""
        for worker in self.workers:
            worker.kill()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(_gathered(tasks))
        self.loop.close()

    def _evidence(self) -> Evidence:
        tables, broker = self.servers.tables, self.servers.broker
        return Evidence(
            events={
                (event_topic_of(lane.topic), lane.partition): [
                    StoredEvent(happened(row.record), leaf_hash(encode_entry(row.record)[0])) for row in rows
                ]
                for lane, rows in tables.events.items()
            },
            published={
                where: [PublishedEvent(e.lane_seq, leaf_hash(encode_entry(e)[0])) for e in log]
                for where, log in broker.events.items()
            },
            decisions=tables.decisions,
            decision_parts={(part.decision_id, part.place): part for part in tables.decision_parts},
            decision_points=tables.decision_points,
            overrides=tables.overrides,
            policies={key: document(state) for key, state in tables.policies.items()},
            workflows={key: workflow_document(state) for key, state in tables.workflows.items()},
            submitted={key: asdict(state) for key, state in tables.evidence.items()},
            counters=tables.counters,
            stats=tables.stats,
        )


async def _gathered(tasks: Collection["asyncio.Task[object]"]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def simulation() -> Iterator[World]:
    """A world that leaves nothing behind."""
    world = World()
    try:
        yield world
    finally:
        world.close()
