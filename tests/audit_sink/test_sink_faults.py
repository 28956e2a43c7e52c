"""Crash, failure, pause and takeover at every point where the sink waits for something."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_sink.appender import Appender
from audit_sink.errors import Behind, LeaseLost, Refused, RefusedTwice, Unguarded
from audit_sink.memory import MemoryTables, MemoryWall
from audit_sink.telemetry import Telemetry
from audit_sink.wall import BatchRow, Lane
from tests.audit_sink.world import LANES, Crash, Gate, World


def busy_world(ends_sessions: bool = True) -> World:
    """Two lanes with repeats, a filled gap, a conflict and an unusable record."""
    world = World(MemoryTables(ends_sessions=ends_sessions))
    one, two = LANES
    world.publish(world.decide(one, 7))
    later = world.decide(two, 6)
    world.publish(later[:2] + later[3:4])
    world.publish_unparsed(two)
    world.publish([world.event(one, 6), world.event(one, 7)])
    world.publish_conflict(one, 3)
    world.publish(later[2:])
    world.publish(world.decide(one, 4))
    return world


def check_busy(world: World) -> None:
    world.check()
    kinds = [(kind, (record.topic, record.partition), record.lane_seq) for kind, record in world.kept_aside()]
    assert sorted(kinds) == [("audit.conflict", LANES[0], 3), ("audit.unparsed", LANES[1], 0)]


async def unfailing_length() -> int:
    """Points that an unfailing run passes."""
    world = busy_world()
    running = world.start()
    await running.at_rest()
    await running.stopped()
    check_busy(world)
    return running.gate.passed


async def test_an_unfailing_sink_appends_everything_once_and_keeps_aside_the_rest() -> None:
    assert await unfailing_length() > 20


async def test_a_crash_at_any_point_changes_nothing_in_the_end() -> None:
    crashes = 0
    for point in range(1, 1_000):
        world = busy_world()
        running = world.start(Gate(crash_at=point))
        await running.at_rest()
        world.check(complete=False)
        if not running.gate.crashed:
            await running.stopped()
            break
        crashes += 1
        with pytest.raises(Crash):
            await running.task
        await world.settle()
        check_busy(world)
    assert crashes > 20


async def test_an_outage_at_any_point_is_waited_out() -> None:
    length = await unfailing_length()
    for point in range(1, length + 1):
        world = busy_world()
        running = world.start(Gate(fail_at=point))
        await running.at_rest()
        await running.stopped()
        check_busy(world)


@pytest.mark.parametrize("ends_sessions", [True, False])
async def test_a_sink_paused_at_any_point_does_no_harm_when_it_wakes_up(ends_sessions: bool) -> None:
    pauses = 0
    for point in range(1, 1_000):
        world = busy_world(ends_sessions)
        paused = world.start(Gate(pause_at=point))
        await paused.at_rest()
        if not paused.gate.paused.is_set():
            await paused.stopped()
            break
        pauses += 1
        world.tables.leader = None
        other = world.start()
        await other.at_rest()
        world.publish(world.decide(LANES[1], 3))
        paused.gate.resumed.set()
        paused.gate.pause_at = None
        paused.gate.paused.clear()
        await paused.at_rest()
        await other.at_rest()
        await paused.stopped()
        await other.stopped()
        await world.settle()
        check_busy(world)
    assert pauses > 20


crashes = st.tuples(st.integers(1, 60), st.sampled_from(LANES), st.integers(0, 9))


@given(st.lists(crashes, max_size=8), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_chain_of_crashes_ends_in_the_same_wall(
    chain: list[tuple[int, Lane, int]], ends_sessions: bool
) -> None:
    async def run() -> None:
        world = busy_world(ends_sessions)
        for point, lane, count in chain:
            running = world.start(Gate(crash_at=point))
            await running.at_rest()
            world.check(complete=False)
            world.publish(world.decide(lane, count))
            await running.stopped()
        await world.settle()
        check_busy(world)

    asyncio.run(run())


@given(st.lists(st.booleans(), max_size=120))
@settings(max_examples=60, deadline=None)
def test_two_sinks_that_both_think_they_lead_append_everything_once(turns: list[bool]) -> None:
    async def run() -> None:
        world = busy_world(ends_sessions=False)
        both = [world.start(), world.start()]
        for turn in turns:
            world.tables.leader = None
            if turn:
                world.publish(world.decide(LANES[len(turns) % 2], 1))
            await asyncio.sleep(0)
        for running in both:
            world.tables.leader = None
            await running.at_rest()
        for running in both:
            await running.stopped()
        await world.settle()
        check_busy(world)

    asyncio.run(run())


async def test_nothing_is_committed_once_the_lead_is_known_to_be_lost(telemetry: Telemetry) -> None:
    world = World()
    world.publish(world.decide(LANES[0], 3))

    async def publish(rows: Sequence[BatchRow]) -> None:
        raise AssertionError(rows)

    wall = MemoryWall(world.tables)
    assert await wall.try_lead() is not None
    appender = Appender(wall, publish, await wall.read_state(), lambda: False, telemetry)
    await appender.append({LANES[0]: world.topics.lanes[LANES[0]]})
    with pytest.raises(LeaseLost):
        await appender.drain()
    assert world.tables.rows == []


async def test_a_standby_takes_over_when_the_leader_is_gone() -> None:
    world = busy_world()
    leader = world.start()
    await leader.at_rest()
    standby = world.start()
    await standby.at_rest()
    assert (leader.telemetry.health.state, standby.telemetry.health.state) == ("leading", "standby")
    await leader.stopped()
    world.publish(world.decide(LANES[0], 3))
    standby.gate.idle_polls = 0
    await standby.at_rest()
    assert standby.telemetry.health.state == "leading"
    await standby.stopped()
    check_busy(world)


async def test_a_gap_stops_its_lane_only() -> None:
    world = World()
    one, two = LANES
    held_back = world.decide(one, 5)
    world.publish(held_back[:2] + held_back[3:])
    world.publish(world.decide(two, 4))
    running = world.start()
    await running.at_rest()
    lanes = world.tables.lanes()
    assert (lanes[one].next_lane_seq, lanes[two].next_lane_seq) == (3, 5)
    world.publish(held_back[2:])
    running.gate.idle_polls = 0
    await running.at_rest()
    await running.stopped()
    world.check()


async def test_a_poll_of_repeats_writes_nothing() -> None:
    world = World()
    world.publish(world.decide(LANES[0], 4))
    await world.settle()
    rows = list(world.tables.rows)
    world.publish([world.event(LANES[0], number) for number in (1, 2, 3, 4)])
    await world.settle()
    assert world.tables.rows == rows


async def test_a_conflict_advances_its_lane_with_a_row_that_counts_nothing() -> None:
    world = World()
    world.publish(world.decide(LANES[0], 4))
    await world.settle()
    before = len(world.tables.rows)
    world.publish_conflict(LANES[0], 2)
    await world.settle()
    empty, own = world.tables.rows[before:]
    assert (empty.lane, empty.first_index, empty.next_index) == (LANES[0], 4, 4)
    assert (empty.from_offset, empty.next_offset) == (4, 5)
    assert (own.topic, own.first_index, own.next_index) == ("wall.sink", 4, 5)
    await world.settle()
    assert len(world.tables.rows) == before + 2
    world.check()


async def test_receipts_that_name_more_batches_than_the_wall_stop_the_sink() -> None:
    world = World()
    world.publish(world.decide(LANES[0], 4))
    await world.settle()
    world.publish(world.decide(LANES[0], 4))
    await world.settle()
    older = World(MemoryTables(rows=world.tables.rows[:1], entries=world.tables.entries[:4]), world.topics)
    running = older.start()
    with pytest.raises(Behind, match=r"batch 2.*ends at 1"):
        await running.task
    assert len(older.tables.rows) == 1


async def test_an_unguarded_wall_is_not_written_to() -> None:
    world = World(MemoryTables(unguarded=("gov_audit_batches: predecessor trigger",)))
    world.publish(world.decide(LANES[0], 4))
    running = world.start()
    with pytest.raises(Unguarded, match="predecessor trigger"):
        await running.task
    assert world.tables.rows == []


async def test_a_wall_that_refuses_what_follows_from_its_own_newest_row_ends_the_process() -> None:
    class Refusing(MemoryTables):
        def add(self, batch: object) -> None:
            raise Refused("whatever comes")

    world = World(Refusing())
    world.publish(world.decide(LANES[0], 4))
    running = world.start()
    with pytest.raises(RefusedTwice):
        await running.task


async def test_records_that_the_broker_dropped_are_an_alarm_and_a_gap() -> None:
    world = World()
    one, two = LANES
    world.publish(world.decide(one, 6))
    world.publish(world.decide(two, 2))
    world.topics.first[one] = 3
    running = await world.settle()
    assert world.tables.lanes().keys() == {two}
    assert running.telemetry.health.problems == {}
    world.publish([world.event(one, number) for number in range(1, 7)])
    await world.settle()
    world.check()


async def test_a_topic_made_anew_is_read_from_its_start_by_sequence() -> None:
    world = World()
    world.publish(world.decide(LANES[0], 6))
    await world.settle()
    world.topics.lanes[LANES[0]].clear()
    world.publish([world.event(LANES[0], 5), world.event(LANES[0], 6)])
    world.publish(world.decide(LANES[0], 2))
    await world.settle()
    assert world.tables.lanes()[LANES[0]].next_offset == 4
    world.check()


async def test_receipts_that_retention_removed_are_not_all_sent_again() -> None:
    world = World()
    for _ in range(3):
        world.publish(world.decide(LANES[0], 2))
        await world.settle()
    for receipts in world.topics.receipts.values():
        receipts.clear()
    await world.settle()
    sent = [row.batch_no for receipts in world.topics.receipts.values() for row in receipts]
    assert sent == [3]


async def test_a_stopped_sink_finishes_its_batch_and_receipts() -> None:
    world = busy_world()
    running = world.start(Gate(pause_at=14))
    await running.at_rest()
    running.sink.stop()
    await running.stopped()
    held = len(world.tables.rows)
    assert held > 0
    sent = {row.batch_no for receipts in world.topics.receipts.values() for row in receipts}
    assert sent == {row.batch_no for row in world.tables.rows if row.topic != "wall.sink"}
