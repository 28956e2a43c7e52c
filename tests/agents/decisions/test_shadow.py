"""A policy's shadow: how it comes and goes; what decides never depends on it."""

from collections.abc import Sequence

import pytest

from agents.decisions.answering import Answered
from agents.decisions.shadowing import MAX_REASON_CHARS, MAX_REASONS, differ, difference
from projections.apply.policy import PolicyState
from schemas.codec import encode
from schemas.models import (
    FailActivation,
    RetirePolicy,
    RollbackPolicy,
    ShadowPolicy,
    SuspendPolicy,
    UnshadowPolicy,
    UpdatePolicy,
)
from tests.agents.commands import activate, confirm, create
from tests.agents.decisions.events import History

UPDATE = UpdatePolicy(policy="gate", description="changed")


def shadow(version: int = 2) -> ShadowPolicy:
    return ShadowPolicy(policy="gate", version=version)


def unshadow(version: int | None = None) -> UnshadowPolicy:
    return UnshadowPolicy(policy="gate", version=version, reason="enough")


def two_versions() -> History:
    history = History()
    history.take(create(), activate(), confirm(), UPDATE)
    return history


def shadowing() -> History:
    history = two_versions()
    history.take(shadow(), confirm(version=2, revision=9))
    return history


def last(history: History, count: int) -> list[tuple[str, object, object]]:
    return [
        (event.type.removeprefix("governance.policy."), event.body["version"], event.body.get("cause"))
        for event in history.events[-count:]
    ]


def states(policy: PolicyState) -> Sequence[str]:
    return [version.state for version in policy.versions]


def test_a_shadow_is_asked_once_it_is_confirmed_and_its_version_stays_what_it_was() -> None:
    history = two_versions()
    policy = history.take(shadow())
    assert policy.shadow is not None
    assert (policy.shadow.version, policy.shadow.revision) == (2, 0)
    assert policy.shadow.requested_by == history.events[-1].actor
    policy = history.take(confirm(version=2, revision=9))
    assert last(history, 1) == [("shadow_started", 2, None)]
    assert policy.shadow is not None
    assert (policy.shadow.revision, policy.active_version, states(policy)) == (9, 1, ["active", "validated"])
    assert history.reason(shadow()) == "already_shadowing"
    assert history.reason(confirm(version=2, revision=9)) == "not_activating", "twice is once"


def test_a_shadow_that_no_opa_loads_is_none() -> None:
    history = two_versions()
    policy = history.take(shadow(), FailActivation(policy="gate", version=2, reason="conflict"))
    assert last(history, 1) == [("shadow_stopped", 2, "bundle")]
    assert history.events[-1].body["reason"] == "conflict"
    assert (policy.shadow, states(policy)) == (None, ["active", "validated"])


def test_a_new_shadow_takes_the_old_ones_place_and_anybody_ends_it() -> None:
    history = shadowing()
    history.take(UPDATE, shadow(3))
    assert last(history, 2) == [("shadow_stopped", 2, "replaced"), ("shadow_requested", 3, None)]
    assert history.reason(unshadow(2)) == "not_shadowing", "what was seen of another one is over"
    policy = history.take(unshadow())
    assert last(history, 1) == [("shadow_stopped", 3, "operator")]
    assert policy.shadow is None
    assert history.reason(unshadow()) == "not_shadowing"


def test_a_shadow_that_is_activated_is_none_any_more() -> None:
    history = shadowing()
    policy = history.take(activate(version=2))
    assert policy.shadow is not None, "it is asked until it decides"
    policy = history.take(confirm(version=2, revision=10))
    assert last(history, 2) == [("shadow_stopped", 2, "activated"), ("activated", 2, None)]
    assert (policy.shadow, policy.active_version) == (None, 2)


def test_an_activation_of_a_version_that_waits_to_be_a_shadow_is_an_activation() -> None:
    history = two_versions()
    policy = history.take(shadow(), activate(version=2), confirm(version=2, revision=9))
    assert last(history, 2) == [("shadow_stopped", 2, "activated"), ("activated", 2, None)]
    assert policy.active_version == 2


def test_a_superseded_version_may_be_a_shadow_and_is_rolled_back_to_all_the_same() -> None:
    history = two_versions()
    history.take(activate(version=2), confirm(version=2, revision=2), shadow(1), confirm(revision=3))
    policy = history.take(RollbackPolicy(policy="gate"))
    assert (policy.active_version, policy.shadow) == (1, None)


def test_with_its_version_suspended_or_its_policy_retired_there_is_no_shadow() -> None:
    history = two_versions()
    history.take(activate(version=2), confirm(version=2, revision=2), shadow(1), confirm(revision=3))
    policy = history.take(SuspendPolicy(policy="gate", version=1, reason="wrong"))
    assert last(history, 2) == [("shadow_stopped", 1, "replaced"), ("suspended", 1, "operator")]
    assert policy.shadow is None
    assert shadowing().take(RetirePolicy(policy="gate")).shadow is None


@pytest.mark.parametrize(
    ("version", "reason"), [(1, "not_shadowable"), (9, "unknown_version")], ids=["it decides", "unknown"]
)
def test_only_what_could_decide_and_does_not_can_be_a_shadow(version: int, reason: str) -> None:
    assert two_versions().reason(shadow(version)) == reason


def said(
    answer: str, reasons: list[str] | None = None, error: str = "", obligations: list[str] | None = None
) -> Answered:
    return Answered(answer, answer or "deny", "policy", error, reasons or [], obligations or [])


@pytest.mark.parametrize(
    ("one", "two", "differs"),
    [
        (said("allow"), said("deny"), True),
        (said("deny", ["a", "b"]), said("deny", ["b", "a"]), False),
        (said("deny", ["a"]), said("deny", ["b"]), True),
        (said("allow", obligations=['{"log":1}']), said("allow"), True),
        (said("", ["line 3"], "evaluation_error"), said("", ["line 5"], "evaluation_error"), False),
        (said("", error="undefined"), said("", error="evaluation_error"), True),
        (said("deny"), said("", error="undefined"), True),
    ],
)
def test_answers_differ_by_what_they_say_in_whatever_order(
    one: Answered, two: Answered, differs: bool
) -> None:
    assert differ(one, two) is differs


def test_the_event_of_a_difference_stays_small_whatever_was_said() -> None:
    wordy = said("deny", ["x" * 10_000] * 1_000)
    draft = difference("p-1", "model/m", "d-1", 1, wordy, 2, said("allow"))
    assert draft.causation == "d-1"
    assert len(encode(draft.type, draft.body)) < 2 * MAX_REASONS * MAX_REASON_CHARS
