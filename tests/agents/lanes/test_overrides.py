"""A second person lets pass what soft_mandatory policies denied: once, in time, and on the record."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from agents.lanes.memory import MemoryStore
from agents.tenant_settings import AllTenants, TenantSettings
from schemas.identity import event_id
from schemas.models import OverrideDecision
from tests.agents.commands import SOURCE, TENANT, ask, bind, evaluate, record
from tests.agents.lanes.asking import Asking, said
from tests.agents.ports.desk import NOW

DENY = b'{"allow":false,"violations":["no"]}'
RESOURCE = "model/m-1"


def override(decision: Mapping[str, object], resource: str = RESOURCE) -> OverrideDecision:
    return OverrideDecision(
        decision_id=str(decision["decision_id"]), resource=resource, reason="looked at it"
    )


def reason(rejected: Mapping[str, object]) -> object:
    assert rejected["type"] == "governance.evaluation.command_rejected", rejected
    return rejected["reason"]


@pytest.fixture
async def desk() -> Asking:
    """``soft`` and ``hard`` deny, ``fine`` allows."""
    desk = Asking(MemoryStore())
    await desk.with_policies("soft", enforcement="soft_mandatory")
    await desk.with_policies("hard", "fine")
    desk.says("soft", DENY)
    desk.says("hard", DENY)
    return desk


async def test_an_override_names_the_decision_the_policy_and_both_people(desk: Asking) -> None:
    denied = await desk.said_on(evaluate(policy="soft"), actor="ann")
    body = await desk.said_on(override(denied), actor="ben")
    assert (body["type"], body["decision_id"]) == ("governance.policy.overridden", denied["decision_id"])
    assert (body["policy"], body["version"], body["policy_id"]) == ("soft", 1, denied["policy_id"])
    assert (body["overridden_by"], body["denied_actor"], body["reason"]) == ("ben", "ann", "looked at it")
    assert body["denials"] == [{"policy_id": denied["policy_id"], "policy": "soft", "version": 1}]
    (row,) = desk.store.tables.overrides.values()
    assert (row.decision_id, row.overridden_by, row.decided_at) == (denied["decision_id"], "ben", NOW)


async def test_a_decision_is_overridden_once(desk: Asking) -> None:
    denied = await desk.said_on(evaluate(policy="soft"), actor="ann")
    await desk.said_on(override(denied), actor="ben", expected_version=1)
    assert reason(await desk.said_on(override(denied), actor="carl")) == "already_overridden"
    assert reason(await desk.said_on(override(denied), actor="carl", expected_version=1)) == "stale_version"


async def test_who_was_denied_does_not_override(desk: Asking) -> None:
    denied = await desk.said_on(evaluate(policy="soft"), actor="ann")
    assert reason(await desk.said_on(override(denied), actor="ann")) == "needs_second_actor"


@pytest.mark.parametrize(("hours", "late"), [(24, False), (24.1, True)])
async def test_an_override_comes_in_time_or_not_at_all(desk: Asking, hours: float, late: bool) -> None:
    denied = await desk.said_on(evaluate(policy="soft"), actor="ann")
    desk.now = NOW + timedelta(hours=hours)
    body = await desk.said_on(override(denied), actor="ben")
    assert (body.get("reason") == "too_late") is late


async def test_a_tenant_may_allow_no_override() -> None:
    desk = Asking(MemoryStore(), settings=AllTenants(TenantSettings(override_hours=0), {}))
    await desk.with_policies("soft", enforcement="soft_mandatory")
    desk.says("soft", DENY)
    denied = await desk.said_on(evaluate(policy="soft"), actor="ann")
    desk.now = NOW + timedelta(seconds=1)
    assert reason(await desk.said_on(override(denied), actor="ben")) == "too_late"


@pytest.mark.parametrize("resource", ["model/m-1", "model/another"])
async def test_a_decision_is_found_by_its_id_and_resource_only(desk: Asking, resource: str) -> None:
    denied = await desk.said_on(evaluate("model/m-2", policy="soft"))
    assert reason(await desk.said_on(override(denied, resource), actor="ben")) == "unknown_decision"


@pytest.mark.parametrize(
    ("policies", "combining", "overridable"),
    [
        (("soft",), "deny_overrides", True),
        (("soft", "fine"), "all_must_allow", True),
        (("soft", "hard"), "deny_overrides", False),
        (("hard", "soft"), "all_must_allow", False),
        (("soft", "hard"), "first_applicable", True),
        (("hard", "soft"), "first_applicable", False),
        (("fine",), "deny_overrides", False),
    ],
)
async def test_of_a_decision_point_every_denial_must_be_soft(
    desk: Asking, policies: tuple[str, ...], combining: str, overridable: bool
) -> None:
    await desk.said_on(bind(*policies, combining=combining))
    denied = await desk.said_on(ask(), actor="ann")
    body = await desk.said_on(override(denied), actor="ben")
    assert (body["type"] == "governance.policy.overridden") is overridable
    if overridable:
        assert [said["policy"] for said in _records(body["denials"])] == ["soft"]
    else:
        assert reason(body) == "not_overridable"


async def test_where_no_policy_applied_there_is_nothing_to_override(desk: Asking) -> None:
    desk.says("soft", None)
    await desk.said_on(bind("soft", combining="first_applicable"))
    denied = await desk.said_on(ask(), actor="ann")
    assert denied["error"] == "not_applicable"
    assert reason(await desk.said_on(override(denied), actor="ben")) == "not_overridable"


async def test_a_soft_policy_that_could_not_answer_is_overridden_too(desk: Asking) -> None:
    desk.says("soft", None)
    denied = await desk.said_on(evaluate(policy="soft"), actor="ann")
    assert denied["basis"] == "fail_mode"
    assert (await desk.said_on(override(denied), actor="ben"))["type"] == "governance.policy.overridden"


async def test_order_holds_inside_one_batch(desk: Asking) -> None:
    first, second = record(evaluate(policy="soft"), "d-1", actor="ann"), None
    decision = {"decision_id": event_id(TENANT, SOURCE, "d-1", 0)}
    second = record(override(decision), "o-1", actor="ben")
    third = record(override(decision), "o-2", actor="ben")
    committed = await desk.decide([desk.broker.append(each) for each in (first, second, third)])
    ((denied, overridden, again),) = committed.events.values()
    assert said(committed)["decision_id"] == decision["decision_id"]
    assert overridden.happened.type == "governance.policy.overridden"
    assert overridden.happened.causation == denied.happened.event_id
    assert again.happened.body["reason"] == "already_overridden"


def _records(value: object) -> list[Mapping[str, object]]:
    assert isinstance(value, list)
    return value
