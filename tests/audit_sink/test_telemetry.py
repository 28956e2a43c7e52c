"""What the sink says of itself."""

import logging
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from audit_sink.append import Run, prepare
from audit_sink.errors import Refused, Unavailable
from audit_sink.lanes import sort_records
from audit_sink.log import Displaced
from audit_sink.telemetry import Telemetry
from audit_sink.wall import EMPTY_LOG, LaneEnd
from tests.audit_sink.batches import fresh_trees
from tests.audit_sink.lane_events import event, events, poll_of
from tests.audit_sink.world import LANES, World

LANE = LANES[0]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def told(registry: CollectorRegistry) -> Telemetry:
    return Telemetry(registry)


@pytest.fixture
def value(registry: CollectorRegistry) -> Callable[[str], float | None]:
    return lambda name: registry.get_sample_value(f"audit_sink_{name}")


async def test_every_fact_of_a_busy_run_is_counted() -> None:
    world = World()
    world.publish(world.decide(LANE, 4))
    world.publish([world.event(LANE, 2)])
    world.publish_conflict(LANE, 1)
    world.publish_unparsed(LANE)
    running = await world.settle()
    registry = running.registry
    found = {
        name: registry.get_sample_value(f"audit_sink_{name}")
        for name in (
            "entries_total",
            "duplicates_total",
            "conflicts_total",
            "unparsed_total",
            "gaps_total",
            "log_size",
            "partitions_left",
            "standby",
        )
    }
    assert found == {
        "entries_total": 6,
        "duplicates_total": 2,
        "conflicts_total": 1,
        "unparsed_total": 1,
        "gaps_total": 0,
        "log_size": 6,
        "partitions_left": 64,
        "standby": 0,
    }


def test_a_gap_is_one_alarm_until_it_is_filled(
    told: Telemetry, value: Callable[[str], float | None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for number in (3, 4, 5):
        told.sorted(sort_records(LANE, LaneEnd(), poll_of([event(LANE, number)])))
    assert (value("gaps_total"), value("waiting_lanes")) == (1, 1)
    told.sorted(sort_records(LANE, LaneEnd(), poll_of(events(LANE, 1, 5))))
    assert (value("gaps_total"), value("waiting_lanes")) == (1, 0)
    assert [record.message for record in caplog.records] == ["lane_gap", "lane_resumed"]
    assert vars(caplog.records[0]) | {"lane": f"{LANE.topic}/0", "expected": 1, "found": 3} == vars(
        caplog.records[0]
    )


def test_an_outage_is_said_once_and_makes_the_sink_unready(
    told: Telemetry, value: Callable[[str], float | None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert not told.health.ready
    told.leading(EMPTY_LOG, 64)
    assert told.health.ready
    for _ in range(3):
        told.outage("kafka", Unavailable("away"))
    assert (told.health.ready, told.health.problems) == (False, {"kafka": "away"})
    told.recovered("kafka")
    told.recovered("kafka")
    assert told.health.ready
    assert value("outages_total") == 3
    assert [record.message for record in caplog.records] == ["leading", "outage", "recovered"]


def test_a_standby_is_ready(told: Telemetry, value: Callable[[str], float | None]) -> None:
    told.standing_by()
    assert (told.health.ready, told.health.state, value("standby")) == (True, "standby", 1)
    told.fenced(Refused("x"))
    told.displaced(Displaced(LANE, "lane_rewound", 9, 0))
    told.unread(17)
    assert (value("fenced_total"), value("displaced_total"), value("unread_records")) == (1, 1, 17)


def test_few_partitions_left_are_an_alarm(told: Telemetry, caplog: pytest.LogCaptureFixture) -> None:
    told.leading(EMPTY_LOG, 8)
    assert caplog.records == []
    told.leading(EMPTY_LOG, 7)
    assert [record.message for record in caplog.records] == ["partitions_low"]


def test_the_lag_is_from_the_oldest_event_to_its_commit(
    told: Telemetry, value: Callable[[str], float | None]
) -> None:
    records = events(LANE, 1, 2)
    batch = prepare(EMPTY_LOG, [Run(LANE, 2, records, [dict(r.headers) for r in records])], fresh_trees())
    told.committed(batch)
    assert value("wall_lag_seconds_count") == 1
    told.committed(prepare(EMPTY_LOG, [Run(LANE, 2, [], [])], fresh_trees()))
    assert (value("wall_lag_seconds_count"), value("batches_total")) == (1, 2)
