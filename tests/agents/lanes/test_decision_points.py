"""Decision points through the lanes: binding, asking in one batch, and never with two bindings mixed."""

from collections.abc import Awaitable, Callable, Mapping

import pytest

from agents.breaker import Breaker
from agents.lanes.memory import MemoryStore
from schemas.identity import decision_point_id, policy_id
from schemas.models import Command, Evaluate, RetirePolicy, SuspendPolicy, UnbindDecisionPoint
from tests.agents.commands import TENANT, activate, ask, bind, confirm, create, evaluate, record
from tests.agents.lanes.asking import Asking
from tests.agents.ports.desk import Desk

POINT = (TENANT, decision_point_id(TENANT, "model.promote"))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


async def test_a_bound_decision_point_asks_every_policy_in_one_batch(store: MemoryStore) -> None:
    desk = Asking(store)
    await desk.with_policies("a", "b", "c")
    assert (await desk.said_on(bind("a", "b")))["type"] == "governance.policy.decision_point.bound"
    records = [desk.sent(ask(f"model/{n}"), f"e-{n}") for n in range(20)]
    lane = records[0].lane
    records = [*(r for r in records if r.lane == lane), desk.sent(_in(lane, "c"), "single")]
    await desk.decide(records)
    (batch,) = desk.batches
    assert len(batch) == 2 * (len(records) - 1) + 1
    rows = store.tables.decisions.values()
    assert {row.decision_point for row in rows} == {"model.promote", ""}
    assert len(store.tables.decision_parts) == 2 * (len(records) - 1)


def _in(lane: object, policy: str) -> Evaluate:
    return next(c for n in range(1000) if record(c := evaluate(f"x/{n}", policy), "x").lane == lane)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (bind("a", combining="majority"), "unknown_combining"),
        (bind(), "no_policies"),
        (bind("a", "nobody"), "unknown_policy"),
        (bind("a", "b", "a"), "duplicate_policy"),
        (bind("a", policy_id(TENANT, "a")), "duplicate_policy"),
        (bind(*(f"p-{n}" for n in range(17))), "too_many_policies"),
        (bind("gone"), "policy_retired"),
        (UnbindDecisionPoint(name="model.promote"), "unknown_decision_point"),
        (ask(), "unknown_decision_point"),
    ],
)
async def test_what_cannot_be_bound_or_asked_is_rejected(
    store: MemoryStore, command: Command, reason: str
) -> None:
    desk = Asking(store)
    await desk.with_policies("a", "b", "gone")
    await desk.said_on(RetirePolicy(policy="gone"))
    rejected = await desk.said_on(command)
    assert str(rejected["type"]).endswith("command_rejected")
    assert rejected["reason"] == reason
    assert store.tables.decision_points == {}


async def test_versions_of_a_decision_point_are_counted_and_expected(store: MemoryStore) -> None:
    desk = Asking(store)
    await desk.with_policies("a", "b")
    await desk.said_on(bind("a"), expected_version=0)
    assert (await desk.said_on(bind("b"), expected_version=0))["reason"] == "stale_version"
    assert (await desk.said_on(bind("a")))["reason"] == "nothing_changes"
    await desk.said_on(bind("b", "a", combining="first_applicable"), expected_version=1)
    state = store.tables.decision_points[POINT]
    assert (state.version, state.combining, [name for _, name in state.policies]) == (
        2,
        "first_applicable",
        ["b", "a"],
    )
    await desk.said_on(UnbindDecisionPoint(name="model.promote", reason="done"))
    assert (await desk.said_on(ask()))["reason"] == "unknown_decision_point"
    await desk.said_on(bind("a"))
    assert store.tables.decision_points[POINT].version == 4


Change = Callable[[Asking], Awaitable[object]]


@pytest.mark.parametrize(
    ("change", "versions"),
    [
        (lambda desk: desk.said_on(bind("b", "c")), {"b": 1, "c": 1}),
        (lambda desk: desk.said_on(SuspendPolicy(policy="a", reason="x")), {"a": 1, "b": 1}),
        (lambda desk: desk.said_on(RetirePolicy(policy="a")), {"a": None, "b": 1}),
    ],
)
async def test_a_binding_or_pointer_that_moves_meanwhile_is_asked_again_as_a_whole(
    change: Change, versions: Mapping[str, int | None]
) -> None:
    changed = False

    async def pause(point: str) -> None:
        nonlocal changed
        if point == "points under the lock" and not changed:
            changed = True
            await change(other)

    store = MemoryStore(pause=pause)
    desk = Asking(store)
    other = Asking(MemoryStore(store.tables), desk.broker)
    other.number = 1000
    await desk.with_policies("a", "b", "c")
    await desk.said_on(bind("a", "b"))
    body = await desk.said_on(ask())
    parts = body["parts"]
    assert isinstance(parts, list)
    assert {part["policy"]: part["version"] for part in parts} == versions
    assert body["binding"] == store.tables.decision_points[POINT].last_event


async def test_a_policys_last_answer_counts_wherever_it_was_asked(store: MemoryStore) -> None:
    desk = Asking(store)
    await desk.with_policies("a", fail_mode="last_known")
    await desk.with_policies("b")
    await desk.said_on(bind("b", "a"))
    known = await desk.said_on(ask())
    desk.says("a", None)
    single, point = await desk.said_on(evaluate(policy="a")), await desk.said_on(ask())
    assert (single["outcome"], single["known_decision"]) == ("allow", known["decision_id"])
    parts = point["parts"]
    assert isinstance(parts, list)
    assert (parts[1]["error"], parts[1]["known_decision"]) == ("undefined", known["decision_id"])


async def test_the_breaker_counts_each_policy_of_a_decision_point(store: MemoryStore) -> None:
    breaker = Breaker(3, 60.0)
    desk = Desk(store, breaker=breaker)
    for name in ("a", "b"):
        for command in (create(name), activate(name), confirm(name)):
            await desk.say(command, f"{name}-{command.TYPE}")
    await desk.say(bind("a", "b"), "bind")
    desk.error = "timeout"
    for number in range(3):
        await desk.say(ask(), f"e-{number}")
    tripped = {breaker.tripped.get_nowait().policy_id for _ in range(2)}
    assert tripped == {policy_id(TENANT, "a"), policy_id(TENANT, "b")}
