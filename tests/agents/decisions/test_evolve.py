"""Folding policy events: what was decided, replayed, is the same state."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decisions.outcome import Rejection
from agents.decisions.policy import PolicyCommand
from projections.apply.decision import decision_parts, decision_row
from projections.apply.happened import Happened
from projections.apply.policy import POLICY_EVENTS, PolicyState, evolve
from schemas.models import FailActivation, RetirePolicy, UpdatePolicy
from tests.agents.commands import activate, confirm, create
from tests.agents.decisions.events import START, History, happened


def replay(events: list[Happened]) -> PolicyState | None:
    state: PolicyState | None = None
    return reduce(evolve, events, state)


COMMANDS: st.SearchStrategy[PolicyCommand] = st.one_of(
    st.just(create()),
    st.builds(lambda text: UpdatePolicy(policy="gate", description=text), st.sampled_from("ab")),
    st.builds(lambda n: activate(version=n), st.integers(1, 4)),
    st.builds(lambda n, r: confirm(version=n, revision=r), st.integers(1, 4), st.integers(1, 9)),
    st.builds(lambda n: FailActivation(policy="gate", version=n, reason="r"), st.integers(1, 4)),
    st.just(RetirePolicy(policy="gate")),
)


@given(st.lists(COMMANDS, max_size=25))
def test_every_history_replays_to_the_state_that_was_decided_on(commands: list[PolicyCommand]) -> None:
    history = History()
    history.take(create())
    for command in commands:
        if not isinstance(history.decide(command), Rejection):
            history.take(command)
    state = history.state
    assert state == replay(history.events)
    assert state is not None
    assert state.version == state.lane_seq == len(history.events), "one version of the aggregate an event"
    assert [version.version for version in state.versions] == list(range(1, len(state.versions) + 1))
    active = [version.version for version in state.versions if version.state == "active"]
    assert active == ([state.active_version] if state.active_version else [])
    assert (state.activation_event is None) == (state.active_version is None)
    assert (state.state == "retired") == any(version.state == "retired" for version in state.versions)


def test_nothing_happens_to_a_policy_before_it_is_created() -> None:
    history = History()
    history.take(create(), activate())
    with pytest.raises(ValueError, match="before the policy was created"):
        evolve(None, history.events[1])


def test_a_policy_is_created_once() -> None:
    history = History()
    state = history.take(create())
    with pytest.raises(ValueError, match="created before"):
        evolve(state, history.events[0])


def test_other_events_are_no_policy_events() -> None:
    state = History().take(create())
    assert "governance.policy.evaluated" not in POLICY_EVENTS
    with pytest.raises(ValueError, match="no policy event"):
        evolve(state, happened("governance.policy.evaluated", 2, {"policy_id": "p"}))


DECISION = {"policy_id": "p-1", "version": 3, "decision_point": "promote", "combining": "", "parts": []}
"""A decision of one policy whose caller named its gate."""


def test_a_decision_row_says_what_lists_filter_by() -> None:
    body = {**DECISION, "outcome": "allow", "basis": "policy", "answer": "deny"}
    row = decision_row(happened("governance.policy.evaluated", 9, body))
    assert (row.decision_id, row.policy_id, row.policy_version) == ("event-9", "p-1", 3)
    assert (row.outcome, row.basis, row.occurred_at, row.lane_seq) == ("allow", "policy", START, 9)
    assert (row.answer, row.decision_point) == ("deny", "")


def test_the_row_of_a_decision_point_names_it_and_has_a_row_for_each_policy() -> None:
    said = {"policy_id": "p-2", "version": None, "answer": "", "outcome": "deny", "basis": "fail_mode"}
    body = {
        **DECISION,
        "outcome": "deny",
        "basis": "fail_mode",
        "answer": "",
        "combining": "all_must_allow",
        "parts": [said, {**said, "policy_id": "p-3", "version": 7}],
    }
    event = happened("governance.policy.evaluated", 9, body)
    assert decision_row(event).decision_point == "promote"
    rows = [(row.decision_id, row.place, row.policy_id, row.policy_version) for row in decision_parts(event)]
    assert rows == [("event-9", 0, "p-2", None), ("event-9", 1, "p-3", 7)]


@pytest.mark.parametrize(("basis", "answer"), [("policy", "deny"), ("fail_mode", "")])
def test_a_decision_that_names_no_answer_was_the_policys_own_unless_it_failed(
    basis: str, answer: str
) -> None:
    body = {**DECISION, "outcome": "deny", "basis": basis, "answer": ""}
    assert decision_row(happened("governance.policy.evaluated", 9, body)).answer == answer
