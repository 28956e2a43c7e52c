"""Shadows are asked beside decisions: counted, told where they differ, dropped where they are not in time."""

import asyncio
from collections.abc import Sequence

import pytest

from agents.lanes.handlers.shadows import ShadowEvaluator
from agents.lanes.memory import MemoryStore
from agents.opa.ports import Answer, Question
from agents.shadow_breaker import ShadowBreaker, TrippedShadow
from schemas.models import UnshadowPolicy
from tests.agents.commands import confirm, evaluate
from tests.agents.ports.shadowed import TwoMinded, answer


class Watched(TwoMinded):
    """A desk on a store in memory."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.stats = store.tables.stats

    async def decided(self, command_id: str) -> list[dict[str, object]]:
        committed = await self.say(evaluate(), command_id)
        return [
            {"type": event.happened.type.rpartition(".")[2], **event.happened.body}
            for events in committed.events.values()
            for event in events
        ]


@pytest.fixture
async def desk() -> Watched:
    """A desk whose policy has a shadow that waits to be loaded."""
    made = Watched(MemoryStore())
    await made.with_shadow()
    return made


def figures(desk: Watched) -> list[tuple[int, ...]]:
    """Version, compared, differed, dropped."""
    return [(day.version, *values) for day, values in desk.stats.shadows.items()]


async def test_a_shadow_is_not_asked_before_it_is_loaded(desk: Watched) -> None:
    (decision,) = await desk.decided("e-1")
    assert (decision["version"], desk.asked, figures(desk)) == (1, [1], [])


async def test_what_differs_is_an_event_behind_its_decision_which_stands(desk: Watched) -> None:
    await desk.say(confirm(version=2, revision=9), "p-9")
    decision, differed = await desk.decided("e-1")
    assert (decision["type"], decision["outcome"], decision["version"]) == ("evaluated", "allow", 1)
    assert differed["type"] == "shadow_differed"
    assert differed["decision_id"] == decision["decision_id"]
    assert (differed["answer"], differed["shadow_answer"]) == ("allow", "deny")
    assert (differed["version"], differed["shadow_version"]) == (1, 2)
    assert decision["shadows"] == [
        {"policy_id": decision["policy_id"], "version": 2, "comparison": "differed"}
    ]
    assert figures(desk) == [(2, 1, 1, 0)]


async def test_an_equal_answer_is_counted_and_no_event(desk: Watched) -> None:
    await desk.say(confirm(version=2, revision=9), "p-9")
    desk.says = {"allow": True}
    assert len(await desk.decided("e-1")) == 1
    assert figures(desk) == [(2, 1, 0, 0)]


@pytest.mark.parametrize("error", ["timeout", "unreachable", "not_loaded"])
async def test_a_shadow_that_was_not_asked_to_the_end_is_dropped(desk: Watched, error: str) -> None:
    await desk.say(confirm(version=2, revision=9), "p-9")
    desk.says = {"error": error}
    assert len(await desk.decided("e-1")) == 1
    assert figures(desk) == [(2, 0, 0, 1)]


async def test_a_shadow_that_never_answers_holds_no_decision(desk: Watched) -> None:
    await desk.say(confirm(version=2, revision=9), "p-9")
    desk.hangs = True
    async with asyncio.timeout(5):
        (decision,) = await desk.decided("e-1")
    assert decision["outcome"] == "allow"
    assert figures(desk) == [(2, 0, 0, 1)]


async def test_after_its_end_a_shadow_is_not_asked_any_more(desk: Watched) -> None:
    await desk.say(confirm(version=2, revision=9), "p-9")
    await desk.say(UnshadowPolicy(policy="gate"), "p-10")
    assert len(await desk.decided("e-1")) == 1
    assert (desk.asked, figures(desk)) == ([1], [])


def question(policy: str, version: int = 2) -> Question:
    return Question("q", "acme", policy, version, b"{}", 100, 9)


class Slow:
    """Answers everything but what asks one policy."""

    def __init__(self, policy: str) -> None:
        self.policy = policy

    async def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        if any(each.policy_id == self.policy for each in questions):
            await asyncio.Event().wait()
        return [answer(each) for each in questions]


async def test_a_slow_shadow_costs_its_neighbours_one_batch_and_trips_alone() -> None:
    breaker = ShadowBreaker(failures=3, window_s=60)
    evaluator = ShadowEvaluator(Slow("slow"), breaker)
    found = []
    for _ in range(4):
        beside = evaluator.begin([question("good"), question("slow")])
        await evaluator.settle(beside)
        found.append([answer is not None for answer in beside.found])
    assert found == [[False, False], *[[True, False]] * 3]
    assert breaker.tripped.get_nowait() == TrippedShadow("acme", "slow", 2)
    assert breaker.tripped.empty()


def test_the_breaker_forgives_what_is_rare_or_long_ago() -> None:
    now = 0.0
    breaker = ShadowBreaker(failures=3, window_s=10, clock=lambda: now)
    key = ("acme", "p", 2)

    def batches(*well: bool) -> None:
        for each in well:
            breaker.count(key, each)

    batches(False, False)
    now = 11.0
    batches(False, False, True, True, True, True, False)
    assert breaker.tripped.empty(), "most went well"
    batches(False)
    assert breaker.tripped.get_nowait() == TrippedShadow(*key)
