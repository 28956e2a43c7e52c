"""Suspension: a version is not asked until it is activated again, and what decides meanwhile."""

from collections.abc import Sequence

import pytest

from agents.tenant_settings import TenantSettings
from projections.apply.policy import PolicyState
from schemas.models import RollbackPolicy, SuspendPolicy, SuspensionCause, UpdatePolicy
from tests.agents.commands import activate, confirm, create
from tests.agents.decisions.events import History

UPDATE = UpdatePolicy(policy="gate", description="changed")
RESTORING = TenantSettings(restore_last_good=True)


def suspend(version: int | None = None, cause: SuspensionCause = "operator") -> SuspendPolicy:
    return SuspendPolicy(policy="gate", version=version, reason="wrong", cause=cause)


def states(policy: PolicyState) -> Sequence[str]:
    return [version.state for version in policy.versions]


def two_versions(settings: TenantSettings | None = None) -> History:
    history = History(settings=settings or TenantSettings())
    history.take(create(), activate(), confirm(), UPDATE, activate(version=2), confirm(version=2, revision=2))
    return history


def test_a_suspended_version_keeps_the_pointer_and_its_policy_stays_active() -> None:
    history = two_versions()
    policy = history.take(suspend())
    event = history.events[-1]
    assert event.type == "governance.policy.suspended"
    assert (event.body["version"], event.body["reason"], event.body["cause"]) == (2, "wrong", "operator")
    assert event.body["restored_version"] is None
    assert (policy.state, policy.active_version, states(policy)) == ("active", 2, ["superseded", "suspended"])


def test_a_suspended_version_is_activated_through_loading_and_confirmation() -> None:
    history = two_versions()
    policy = history.take(suspend(), activate(version=2))
    assert history.events[-1].type == "governance.policy.activation_requested"
    assert (policy.active_version, states(policy)) == (2, ["superseded", "activating"])
    policy = history.take(confirm(version=2, revision=9))
    assert (policy.active_version, states(policy)) == (2, ["superseded", "active"])
    assert policy.versions[1].confirmed_revision == 9


def test_what_takes_over_leaves_the_suspended_version_suspended_so_that_no_rollback_finds_it() -> None:
    history = two_versions()
    policy = history.take(suspend(), RollbackPolicy(policy="gate"))
    assert (policy.active_version, states(policy)) == (1, ["active", "suspended"])
    assert history.reason(RollbackPolicy(policy="gate")) == "nothing_to_roll_back_to"
    assert history.reason(RollbackPolicy(policy="gate", to_version=2)) == "not_superseded"


def test_a_superseded_version_can_be_suspended_and_what_decides_goes_on() -> None:
    history = two_versions(RESTORING)
    policy = history.take(suspend(1, "bundle"))
    assert (policy.active_version, states(policy)) == (2, ["suspended", "active"])
    assert history.events[-1].body["restored_version"] is None
    assert history.reason(RollbackPolicy(policy="gate")) == "nothing_to_roll_back_to"


@pytest.mark.parametrize("cause", ["breaker", "bundle"])
def test_where_the_tenant_wants_it_the_last_good_version_takes_over_in_the_same_decision(
    cause: SuspensionCause,
) -> None:
    history = two_versions(RESTORING)
    policy = history.take(suspend(2, cause))
    suspended, activated = history.events[-2:]
    assert (suspended.body["cause"], suspended.body["restored_version"]) == (cause, 1)
    assert (activated.type, activated.body["version"]) == ("governance.policy.activated", 1)
    assert (policy.active_version, states(policy)) == (1, ["active", "suspended"])
    assert policy.activation_event == activated.event_id


def test_nothing_is_restored_for_an_operator_nor_where_nothing_decided_before() -> None:
    assert two_versions(RESTORING).take(suspend()).active_version == 2
    first = History(settings=RESTORING)
    policy = first.take(create(), activate(), confirm(), suspend(1, "breaker"))
    assert (policy.active_version, states(policy)) == (1, ["suspended"])


def test_only_what_can_be_asked_can_be_suspended() -> None:
    history = History()
    assert history.reason(suspend()) == "unknown_policy"
    history.take(create())
    assert history.reason(suspend()) == "policy_not_active"
    assert history.reason(suspend(1)) == "not_suspendable"
    assert history.reason(suspend(7)) == "unknown_version"
    history.take(activate(), confirm(), suspend())
    assert history.reason(suspend()) == "not_suspendable", "twice is once"
