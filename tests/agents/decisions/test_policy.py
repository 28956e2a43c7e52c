"""Policy decisions: the life of a policy and its versions, and every reason to refuse a command."""

from collections.abc import Sequence

import pytest

from agents.decisions.outcome import Finding, Rejection
from agents.decisions.policy import PolicyCommand, decide_policy, source_of
from agents.tenant_settings import TenantSettings
from projections.apply.policy import PolicyState
from schemas.models import FailActivation, RetirePolicy, RollbackPolicy, UpdatePolicy
from tests.agents.commands import TENANT, activate, confirm, create
from tests.agents.decisions.events import WARNING, History

UPDATE = UpdatePolicy(policy="gate", description="changed")
RETIRE = RetirePolicy(policy="gate", reason="replaced")


def fail(version: int = 1) -> FailActivation:
    return FailActivation(policy="gate", version=version, reason="not confirmed in time")


def submitted(policy: PolicyState | None, command: PolicyCommand) -> tuple[int, str]:
    submission = source_of(policy, command)
    assert submission is not None
    return submission.version, submission.rego_content


def states(policy: PolicyState) -> Sequence[str]:
    return [version.state for version in policy.versions]


def test_a_created_policy_is_a_draft_with_one_validated_version() -> None:
    policy = History().take(
        create(description="d", timeout_ms=50, fail_mode="open", regulation_refs=["soc2"])
    )
    assert (policy.state, policy.active_version, policy.version) == ("draft", None, 1)
    (version,) = policy.versions
    assert (version.version, version.state, version.author) == (1, "validated", "actor-1")
    assert (version.description, version.timeout_ms, version.fail_mode) == ("d", 50, "open")
    assert version.regulation_refs == ("soc2",)
    assert version.warnings == (WARNING.body(),)


def test_an_update_makes_the_next_version_and_takes_what_it_leaves_out_from_the_newest() -> None:
    history = History()
    history.take(create(description="old", fail_mode="open", timeout_ms=50))
    policy = history.take(UpdatePolicy(policy="gate", rego_content="package q", enforcement="advisory"))
    first, second = policy.versions
    assert (second.version, second.rego_content, second.enforcement) == (2, "package q", "advisory")
    assert (second.description, second.fail_mode, second.timeout_ms) == ("old", "open", 50)
    assert (first.rego_content, first.enforcement) == ("package p", "mandatory"), "versions never change"


def test_activation_waits_for_the_confirmation_and_supersedes_the_version_before() -> None:
    history = History()
    assert states(history.take(create(), activate())) == ["activating"]
    policy = history.take(confirm(revision=4))
    assert (policy.state, policy.active_version) == ("active", 1)
    assert policy.activation_event == history.events[-1].event_id
    assert policy.versions[0].confirmed_revision == 4
    policy = history.take(UPDATE, activate(version=2))
    assert (states(policy), policy.active_version) == (["active", "activating"], 1), "the old one decides on"
    policy = history.take(confirm(version=2, revision=5))
    assert (states(policy), policy.active_version) == (["superseded", "active"], 2)
    assert history.events[-1].body["previous_version"] == 1


def test_going_back_to_the_last_superseded_version_is_a_pointer_flip() -> None:
    history = History()
    history.take(
        create(), activate(), confirm(revision=4), UPDATE, activate(version=2), confirm(version=2, revision=5)
    )
    policy = history.take(activate(version=1))
    assert history.events[-1].type == "governance.policy.activated"
    assert (states(policy), policy.active_version) == (["active", "superseded"], 1)
    assert policy.versions[0].confirmed_revision == 4, "what OPA confirmed stays confirmed"
    policy = history.take(activate(version=2))
    assert (states(policy), policy.active_version) == (["superseded", "active"], 2)


def test_an_older_superseded_version_must_be_loaded_again() -> None:
    history = History()
    history.take(create(), activate(), confirm(), UPDATE, activate(version=2), confirm(version=2, revision=2))
    history.take(
        UpdatePolicy(policy="gate", description="third"), activate(version=3), confirm(version=3, revision=3)
    )
    policy = history.take(activate(version=1))
    assert history.events[-1].type == "governance.policy.activation_requested"
    assert (states(policy), policy.active_version) == (["activating", "superseded", "active"], 3)


def test_a_rollback_says_why_and_flips_the_pointer_to_the_last_version() -> None:
    history = History()
    history.take(create(), activate(), confirm(revision=4), UPDATE, activate(version=2), confirm(version=2))
    policy = history.take(RollbackPolicy(policy="gate", reason="denies too much"))
    asked, activated = history.events[-2:]
    assert asked.type == "governance.policy.rollback_requested"
    assert (asked.body["from_version"], asked.body["to_version"]) == (2, 1)
    assert asked.body["reason"] == "denies too much"
    assert activated.type == "governance.policy.activated"
    assert (states(policy), policy.active_version) == (["active", "superseded"], 1)
    assert policy.activation_event == activated.event_id


def test_a_rollback_to_an_older_version_loads_it_first() -> None:
    history = History()
    history.take(create(), activate(), confirm(), UPDATE, activate(version=2), confirm(version=2))
    history.take(UpdatePolicy(policy="gate", description="third"), activate(version=3), confirm(version=3))
    policy = history.take(RollbackPolicy(policy="gate", to_version=1))
    assert history.events[-1].type == "governance.policy.activation_requested"
    assert (states(policy), policy.active_version) == (["activating", "superseded", "active"], 3)


def test_only_a_version_that_decided_before_can_be_rolled_back_to() -> None:
    history = History()
    history.take(create(), activate(), confirm())
    assert history.reason(RollbackPolicy(policy="gate")) == "nothing_to_roll_back_to"
    assert history.reason(RollbackPolicy(policy="gate", to_version=1)) == "not_superseded"
    assert history.reason(RollbackPolicy(policy="gate", to_version=9)) == "unknown_version"


def test_under_four_eyes_a_version_is_activated_by_another_actor_than_its_author() -> None:
    history = History(settings=TenantSettings(four_eyes=True))
    author = history.take(create()).versions[0].author
    history.actor = author
    assert history.reason(activate()) == "needs_second_actor"
    assert history.reason(activate(version=9)) == "unknown_version"
    history.actor = "reviewer"
    assert states(history.take(activate())) == ["activating"]


def test_without_four_eyes_an_author_activates_alone() -> None:
    history = History()
    history.actor = history.take(create()).versions[0].author
    assert states(history.take(activate())) == ["activating"]


def test_under_four_eyes_going_back_by_activation_needs_a_second_actor_and_a_rollback_does_not() -> None:
    history = History()
    history.take(create(), activate(), confirm(), UPDATE, activate(version=2), confirm(version=2))
    history.settings = TenantSettings(four_eyes=True)
    assert history.state is not None
    history.actor = history.state.versions[0].author
    assert history.reason(activate(version=1)) == "needs_second_actor"
    assert states(history.take(RollbackPolicy(policy="gate"))) == ["active", "superseded"]


def test_a_failed_activation_leaves_the_old_version_deciding_and_may_be_tried_again() -> None:
    history = History()
    history.take(create(), activate(), confirm(), UPDATE, activate(version=2))
    policy = history.take(fail(2))
    assert (states(policy), policy.active_version) == (["active", "activation_failed"], 1)
    assert states(history.take(activate(version=2))) == ["active", "activating"]


def test_a_retired_policy_decides_nothing_and_stays_retired() -> None:
    history = History()
    policy = history.take(create(), activate(), confirm(), UPDATE, RETIRE)
    assert (policy.state, policy.active_version, policy.activation_event) == ("retired", None, None)
    assert states(policy) == ["retired", "retired"]
    assert history.events[-1].body["version"] == 1, "the version that decided until now"
    for command in (UPDATE, activate(), confirm(), fail(), RETIRE):
        assert history.reason(command) == "policy_retired"
    assert history.reason(create()) == "already_exists"


def test_a_draft_can_be_retired() -> None:
    history = History()
    history.take(create(), RETIRE)
    assert history.events[-1].body["version"] is None


@pytest.mark.parametrize("command", [UPDATE, activate(), confirm(), fail(), RETIRE])
def test_commands_about_an_unknown_policy_are_refused(command: PolicyCommand) -> None:
    assert History().reason(command) == "unknown_policy"


def test_a_name_can_be_created_once() -> None:
    history = History()
    history.take(create())
    assert history.reason(create()) == "already_exists"


@pytest.mark.parametrize("number", [2, 3, 1_000_000])
def test_versions_that_were_never_submitted_are_unknown(number: int) -> None:
    history = History()
    history.take(create())
    assert history.reason(activate(version=number)) == "unknown_version"
    assert history.reason(confirm(version=number)) == "unknown_version"
    assert history.reason(fail(number)) == "unknown_version"


def test_a_version_is_activated_once_at_a_time() -> None:
    history = History()
    history.take(create(), activate())
    assert history.reason(activate()) == "already_activating"
    history.take(confirm())
    assert history.reason(activate()) == "already_active"


def test_only_a_version_that_is_being_loaded_can_be_confirmed_or_fail() -> None:
    history = History()
    history.take(create())
    assert history.reason(confirm()) == "not_activating"
    assert history.reason(fail()) == "not_activating"
    history.take(activate(), confirm())
    assert history.reason(confirm()) == "not_activating", "a confirmation that comes twice changes nothing"
    assert history.reason(fail()) == "not_activating"


def test_an_update_that_names_nothing_is_refused() -> None:
    history = History()
    history.take(create())
    assert history.reason(UpdatePolicy(policy="gate")) == "nothing_changes"


@pytest.mark.parametrize("command", [create(), UpdatePolicy(policy="gate", rego_content="package p allow")])
def test_a_source_that_the_check_refuses_is_rejected_with_every_finding(command: PolicyCommand) -> None:
    history = History()
    if isinstance(command, UpdatePolicy):
        history.take(create())
    findings = [
        Finding("policy.rego", 1, 11, "parse", "unexpected allow"),
        Finding("policy.rego", 2, 1, "x", "y"),
    ]
    outcome = history.decide(command, findings)
    assert isinstance(outcome, Rejection)
    assert (outcome.reason, outcome.findings) == ("invalid_rego", tuple(findings))
    assert outcome.detail == "policy.rego:1:11: unexpected allow"


def test_a_source_is_checked_for_the_version_that_it_would_become_and_only_where_one_comes_along() -> None:
    history = History()
    assert submitted(None, create()) == (1, "package p")
    assert source_of(None, UPDATE) is None
    policy = history.take(create())
    assert source_of(policy, create()) is None
    assert submitted(policy, UPDATE) == (2, "package p"), "checked again: rules and builtins may have changed"
    assert submitted(policy, UpdatePolicy(policy="gate", rego_content="package q")) == (2, "package q")
    assert source_of(policy, activate()) is None
    assert source_of(history.take(RETIRE), UPDATE) is None


@pytest.mark.parametrize("command", [create("other"), UPDATE])
def test_deciding_on_a_source_that_was_not_checked_is_a_programming_error(command: PolicyCommand) -> None:
    state = History().take(create()) if isinstance(command, UpdatePolicy) else None
    with pytest.raises(ValueError, match="not checked"):
        decide_policy(state, command.aggregate(TENANT), command, None, "somebody", TenantSettings())
