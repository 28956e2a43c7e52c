"""What every wall store does: the one in memory and the one on PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from audit_sink.append import Run
from audit_sink.errors import LeaseLost, Refused, SinkError
from audit_sink.ledger.frontier import Frontier
from audit_sink.memory import MemoryTables, MemoryWall
from audit_sink.postgres import PostgresWall
from audit_sink.wall import EMPTY_LOG, LOG_TREE, BatchRow, Lane, LaneEnd, Lease, WallStore
from schemas.leaf import encode_entry, leaf_hash
from tests.audit_sink.batches import Log, run_of_all
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import event, events

A, B, C = (Lane(f"governance.{name}.events.v1", 0) for name in ("evaluation", "evidence", "policy"))


@dataclass(frozen=True, slots=True)
class Subject:
    """One wall: ``open`` gives another sink's store on it, ``silence`` ends the lead as a long pause does."""

    open: Callable[[], WallStore]
    silence: Callable[[], Awaitable[None]]

    async def leading(self) -> tuple[WallStore, Lease]:
        """A store that has the lead."""
        store = self.open()
        lease = await store.try_lead()
        assert lease is not None
        return store, lease


ROW_CHANGES: dict[str, dict[str, Any]] = {
    "a batch number again": {"batch_no": 1},
    "a batch number left out": {"batch_no": 3},
    "an index again": {"first_index": 4, "next_index": 6},
    "an index left out": {"first_index": 6, "next_index": 8},
    "a sequence again": {"first_lane_seq": 5, "next_lane_seq": 7},
    "a sequence left out": {"first_lane_seq": 7, "next_lane_seq": 9},
    "offsets left out": {"from_offset": 6},
    "an unknown lane in the middle": {"topic": "governance.unheard.events.v1"},
}


class WallContract:
    """What holds for every store."""

    async def test_a_new_wall_is_empty_and_guarded(self, wall: Subject) -> None:
        store = wall.open()
        assert await store.read_state() == EMPTY_LOG
        guard = await store.guard()
        assert (guard.unguarded, guard.partitions_left) == ((), 64)
        assert await store.trees([LOG_TREE, b"acme"]) == {LOG_TREE: Frontier(), b"acme": Frontier()}
        assert await store.rows_after(0, [A, B], 10) == []

    async def test_what_was_appended_is_where_the_next_sink_goes_on(self, wall: Subject) -> None:
        store, _ = await wall.leading()
        log = Log()
        one = log.of(events(A, 1, 5), events(B, 1, 3, ("other",)))
        await store.append(one)
        two = log.of(events(A, 6, 9))
        await store.append(two)
        state = await wall.open().read_state()
        assert state == two.after
        assert state.lanes == {A: LaneEnd(10, 9, 3), B: LaneEnd(4, 3, 2)}
        names = [LOG_TREE, b"acme", b"other", b"nobody"]
        assert await store.trees(names) == {name: log.trees[name] for name in names}
        assert [log.trees[name].size for name in names] == [12, 9, 3, 0]
        assert (await store.guard()).partitions_left == 63

    async def test_every_tree_goes_on_from_its_tiles_and_its_newest_leaves(self, wall: Subject) -> None:
        store, _ = await wall.leading()
        log = Log()
        one = log.of(events(A, 1, 700, ("acme", "other")), events(B, 1, 67_000))
        two = log.of(events(A, 701, 901, ("acme", "other")))
        for batch in (one, two):
            await store.append(batch)
        names = [LOG_TREE, b"acme", b"other"]
        found = await wall.open().trees(names)
        assert found == {name: log.trees[name] for name in names}
        assert [found[name].size for name in names] == [67_901, 67_450, 451]
        assert found[LOG_TREE].edge() == two.after.edge
        assert {(tile.tree, tile.level) for tile in one.tiles} == {
            (LOG_TREE, 0),
            (LOG_TREE, 1),
            (b"acme", 0),
            (b"acme", 1),
            (b"other", 0),
        }

    async def test_batch_rows_come_back_by_lane_in_order(self, wall: Subject) -> None:
        store, _ = await wall.leading()
        log = Log()
        one = log.of(events(A, 1, 2), events(B, 1, 1), events(C, 1, 1))
        two = log.of(events(C, 2, 2), events(A, 3, 3))
        for batch in (one, two):
            await store.append(batch)
        rows = [*one.rows, *two.rows]
        assert await store.rows_after(0, [A, B, C], 10) == rows
        assert await store.rows_after(0, [C], 10) == [rows[2], rows[3]]
        assert await store.rows_after(2, [A, C], 2) == [rows[2], rows[3]]
        assert await store.rows_after(5, [A, B, C], 10) == []

    async def test_leaf_hashes_come_back_by_sequence_across_batches(self, wall: Subject) -> None:
        store, _ = await wall.leading()
        log = Log()
        written = events(A, 1, 12)
        one = log.of(written[:4], events(B, 1, 3))
        nothing = log.make([Run(A, 5, [], [])])
        two = log.of(events(B, 4, 4), written[4:5])
        three = log.of(written[5:])
        for batch in (one, nothing, two, three):
            await store.append(batch)
        hashes = {record.lane_seq: leaf_hash(encode_entry(record)[0]) for record in written}
        for first, last in ((1, 12), (1, 1), (4, 5), (5, 5), (3, 9), (6, 12), (12, 12), (2, 4)):
            expected = {number: hashes[number] for number in range(first, last + 1)}
            assert await store.leaf_hashes(A, first, last) == expected
        assert await store.leaf_hashes(A, 12, 14) == {12: hashes[12]}
        assert await store.leaf_hashes(C, 1, 9) == {}

    async def test_the_same_large_value_may_come_again(self, wall: Subject) -> None:
        store, _ = await wall.leading()
        log = Log()
        big = [replace(event(A, number, "acme"), value=b"v" * 70_000) for number in (1, 2)]
        one = log.of(big)
        await store.append(one)
        two = log.of([replace(event(A, 3, "other"), value=b"v" * 70_000)])
        await store.append(two)
        assert (await store.read_state()).edge.size == 3

    @pytest.mark.parametrize("change", ROW_CHANGES.values(), ids=ROW_CHANGES.keys())
    async def test_what_does_not_continue_the_log_is_refused_whole(
        self, wall: Subject, change: dict[str, Any]
    ) -> None:
        store, _ = await wall.leading()
        log = Log()
        one = log.of(events(A, 1, 5))
        await store.append(one)
        two = log.of(events(A, 6, 7))
        wrong = replace(two.rows[0], right_edge=None, **change)
        with pytest.raises(Refused):
            await store.append(replace(two, rows=(wrong,)))
        assert await store.read_state() == one.after
        await store.append(two)
        assert await store.read_state() == two.after

    async def test_the_same_batch_twice_is_refused(self, wall: Subject) -> None:
        store, _ = await wall.leading()
        one = Log().of(events(A, 1, 5))
        await store.append(one)
        with pytest.raises(Refused):
            await store.append(one)
        assert await store.read_state() == one.after

    async def test_offsets_may_start_over_where_a_topic_was_made_anew(self, wall: Subject) -> None:
        store, _ = await wall.leading()
        log = Log()
        one = log.of(events(A, 1, 5))
        await store.append(one)
        two = log.make([run_of_all(events(A, 6, 7), next_offset=2)])
        assert two.rows[0].from_offset < one.rows[0].next_offset
        await store.append(two)
        assert (await store.read_state()).lane(A) == LaneEnd(8, 2, 2)

    async def test_one_sink_leads_until_it_gives_up(self, wall: Subject) -> None:
        _, lease = await wall.leading()
        other = wall.open()
        assert await other.try_lead() is None
        assert await other.try_lead() is None
        await lease.ping()
        assert lease.held
        await lease.release()
        assert not lease.held
        assert await other.try_lead() is not None

    async def test_a_silent_leader_loses_the_lead_and_notices(self, wall: Subject) -> None:
        _, lease = await wall.leading()
        await wall.silence()
        other = await wall.open().try_lead()
        assert other is not None
        with pytest.raises(LeaseLost):
            await lease.ping()
        assert not lease.held
        await lease.release()
        await other.ping()

    async def test_a_new_leader_ends_what_the_old_one_could_still_append(self, wall: Subject) -> None:
        old, _ = await wall.leading()
        await wall.silence()
        new, _ = await wall.leading()
        with pytest.raises(SinkError):
            await old.append(Log().of(events(A, 1, 2)))
        assert await new.read_state() == EMPTY_LOG
        mine = Log().of(events(A, 1, 3))
        await new.append(mine)
        assert await new.read_state() == mine.after

    async def test_appending_without_the_lead_is_refused(self, wall: Subject) -> None:
        with pytest.raises(SinkError):
            await wall.open().append(Log().of(events(A, 1, 2)))


class TestMemoryWall(WallContract):
    @pytest.fixture
    async def wall(self) -> Subject:
        tables = MemoryTables()

        async def silence() -> None:
            tables.leader = None

        return Subject(lambda: MemoryWall(tables), silence)


class TestPostgresWall(WallContract):
    @pytest.fixture
    async def wall(self, wall_database: WallDatabase) -> AsyncIterator[Subject]:
        async def silence() -> None:
            connection = await asyncpg.connect(wall_database.superuser)
            await connection.fetch(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'audit-sink lead' AND datname = current_database()"
            )
            await connection.close()

        async with AsyncExitStack() as stores:
            opened = [
                await stores.enter_async_context(PostgresWall(wall_database.writer, 3)) for _ in range(3)
            ]
            yield Subject(iter(opened).__next__, silence)


def test_a_row_knows_its_lane() -> None:
    row = BatchRow(1, *C, 0, 1, 1, 2, 0, 1, bytes(32), None, bytes(32))
    assert row.lane == C
