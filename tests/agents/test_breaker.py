"""The breaker: what trips it, what does not, and that a trip is published once Kafka is there."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from agents.breaker import ACTOR, MAX_WATCHED, Breaker, Tripped, publish_suspensions, suspension
from agents.bundles.fake import FakeOutlet
from agents.engine_commands import Seal
from agents.lanes.memory import MemoryStore
from agents.lanes.patience import Patience
from agents.reading import Reader, Received
from agents.records import CommandRecord
from projections.apply.happened import Happened
from schemas.models import SuspendPolicy
from schemas.topics import topics
from tests.agents.commands import KEY, TENANT, evaluate
from tests.agents.ports.desk import Desk

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TRIPPED = Tripped(TENANT, "p-1", 3, "activation-1")
SEAL = Seal(KEY, ACTOR)


class Evaluations:
    """Decisions as they come to a breaker of 4 failures within 10 seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.count = 0
        self.breaker = Breaker(4, 10, lambda: self.now)

    def come(self, errors: Sequence[str], activation: str = "activation-1") -> "Evaluations":
        for error in errors:
            self.count += 1
            self.again(error, self.count, activation)
        return self

    def again(self, error: str, number: int, activation: str = "activation-1") -> None:
        body = {"policy_id": "p-1", "version": 3, "error": error, "parts": []}
        lane = ("governance.evaluation.events.v1", 0, number)
        self.breaker.observe(
            Happened(f"e-{number}", "t", TENANT, "a", "r", "c", activation, NOW, *lane, body)
        )

    @property
    def tripped(self) -> list[Tripped]:
        return [self.breaker.tripped.get_nowait() for _ in range(self.breaker.tripped.qsize())]


@pytest.mark.parametrize(
    "errors",
    [
        ["timeout"] * 4,
        ["evaluation_error", "timeout"] * 2,
        ["timeout", ""] * 4,
        [""] * 100 + ["timeout"] * 4,
        ["timeout"] + [""] * 4 + ["timeout"] * 3,
    ],
)
def test_enough_failures_that_are_half_of_all_trip_it_once(errors: Sequence[str]) -> None:
    assert Evaluations().come(errors).tripped == [TRIPPED]


@pytest.mark.parametrize(
    "errors",
    [
        ["timeout"] * 3,
        ["timeout", "", ""] * 40,
        ["timeout"] + [""] * 5 + ["timeout"] * 3,
        ["undefined", "not_loaded", "unreachable", "suspended"] * 10,
    ],
)
def test_few_or_rare_failures_and_those_of_others_do_not_trip_it(errors: Sequence[str]) -> None:
    assert Evaluations().come(errors).tripped == []


def test_failures_that_are_too_far_apart_do_not_trip_it() -> None:
    evaluations = Evaluations().come(["timeout"])
    evaluations.now = 10.5
    assert evaluations.come(["timeout"] * 3).tripped == []
    evaluations.now = 20.5
    assert evaluations.come(["timeout"]).tripped == [TRIPPED], "the first one has left the window"


def test_every_activation_counts_for_itself_and_a_repeated_decision_once() -> None:
    evaluations = Evaluations().come(["timeout"] * 3).come(["timeout"] * 3, "activation-2")
    evaluations.again("timeout", 3)
    assert evaluations.tripped == []


def test_versions_that_failed_long_ago_are_forgotten_and_recent_ones_kept() -> None:
    evaluations = Evaluations()
    for number in range(MAX_WATCHED - 1):
        evaluations.come(["timeout"], f"old-{number}")
    evaluations.now = 11
    evaluations.come(["timeout"] * 3).come(["timeout"], "new")
    assert len(evaluations.breaker._watched) == 2
    assert evaluations.come(["timeout"]).tripped == [TRIPPED]


def test_a_suspension_is_the_engines_and_its_id_follows_from_version_and_activation() -> None:
    made = suspension(TRIPPED, "why", SEAL, NOW)
    sent = CommandRecord(made.topic, made.partition, 0, made.key, made.headers, made.value)
    reading = Reader(topics(), KEY).read(sent)
    assert isinstance(reading, Received)
    assert reading.command == SuspendPolicy(policy="p-1", version=3, reason="why", cause="breaker")
    later = suspension(TRIPPED, "why", SEAL, datetime(2026, 1, 3, tzinfo=UTC))
    other = suspension(Tripped(TENANT, "p-1", 3, "activation-2"), "why", SEAL, NOW)
    assert dict(later.headers)["ce_id"] == dict(made.headers)["ce_id"] != dict(other.headers)["ce_id"]


async def test_an_outage_of_kafka_is_waited_out() -> None:
    outlet, reports, tried = FakeOutlet(away=True), list[str](), asyncio.Event()

    async def pause(_: float) -> None:
        tried.set()
        outlet.away = False

    breaker = Evaluations().come(["timeout"] * 4).breaker
    patience = Patience(reports.append, pause)
    task = asyncio.create_task(publish_suspensions(breaker, outlet, patience, SEAL, lambda: NOW))
    await tried.wait()
    task.cancel()
    assert outlet.published == [suspension(TRIPPED, breaker.reason, SEAL, NOW)]
    assert reports == ["outage: away"]


async def test_what_the_lane_decides_reaches_the_breaker_and_its_command_suspends() -> None:
    breaker = Breaker(3, 60)
    desk = Desk(MemoryStore(), breaker=breaker)
    await desk.with_active_policy()
    await desk.say(evaluate(), "e-0")
    desk.error = "timeout"
    for number in (1, 2, 3):
        assert breaker.tripped.empty()
        await desk.say(evaluate(), f"e-{number}")
    made = suspension(breaker.tripped.get_nowait(), breaker.reason, SEAL, NOW)
    decided: list[tuple[str, object]] = []
    for _ in range(2):
        sent = desk.broker.append(
            CommandRecord(made.topic, made.partition, 0, made.key, made.headers, made.value)
        )
        committed = await desk.decide([sent])
        events = [event.happened for of_lane in committed.events.values() for event in of_lane]
        decided += [(event.type, event.body["cause"]) for event in events]
    assert decided == [("governance.policy.suspended", "breaker")], "twice is once"
