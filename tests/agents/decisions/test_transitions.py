"""The table of transitions: what it must be, and what each of its rows does."""

import pytest

from agents.decisions.guards import GUARDS, LABELS, NOT_CHECKED
from agents.decisions.transitions import OPEN, PHASES, TRANSITIONS, Transition
from projections.apply.workflow_state import Status
from regulations.profiles import TRANSITIONS as KNOWN_TO_PROFILES
from tests.agents.decisions.workflows import (
    ANNEX,
    CLAUSE,
    NAME,
    Life,
    advance,
    assign,
    begun,
    cancel,
    create,
    exclude,
    include,
)

ROWS = list(TRANSITIONS.values())
WITH_STEPS = {"begin"}


def named(row: Transition) -> str:
    return row.name


def in_state(state: Status) -> Life:
    """A workflow in one of the states that this release reaches."""
    life = begun()
    life.take(assign(owner="bob"))
    if state == "cancelled":
        life.take(cancel())
        return life
    for name in ("scope", "start_readiness", "open_collection"):
        assert life.state is not None
        if life.state.state == state:
            break
        if name == "open_collection":
            life.take(include())
        life.take(advance(name))
    assert life.state is not None
    assert life.state.state == state
    return life


REACHED: tuple[Status, ...] = ("draft", "scoped", "readiness", "collecting")


def test_the_table_has_the_transitions_that_profiles_may_name() -> None:
    assert TRANSITIONS.keys() - WITH_STEPS == KNOWN_TO_PROFILES
    assert {row.name for row in ROWS if row.steps} == WITH_STEPS


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_every_row_leads_between_states_and_names_guards_with_a_label(row: Transition) -> None:
    assert set(row.sources) <= set(OPEN)
    assert row.target in PHASES
    assert set(row.guards) <= set(LABELS)
    assert row.target not in row.sources


@pytest.mark.parametrize("row", [row for row in ROWS if row.available], ids=named)
def test_every_guard_of_an_available_row_exists(row: Transition) -> None:
    assert set(row.guards) <= set(GUARDS)


def test_steps_are_available_rows_that_join_and_ask_for_the_same() -> None:
    for row in (row for row in ROWS if row.steps):
        steps = [TRANSITIONS[name] for name in row.steps]
        assert all(step.available for step in steps)
        assert row.guards == tuple(guard for step in steps for guard in step.guards)
        assert (*row.sources, *(step.target for step in steps[:-1])) == tuple(s.sources[0] for s in steps)
        assert steps[-1].target == row.target


def test_nothing_leads_out_of_a_closed_state() -> None:
    closed = {status for status, phase in PHASES.items() if phase == "closed"}
    assert closed == {"cancelled", "superseded", "expired", "revoked"}
    assert not any(set(row.sources) & closed for row in ROWS)


@pytest.mark.parametrize("state", REACHED)
@pytest.mark.parametrize("row", [row for row in ROWS if not row.available], ids=named)
def test_later_transitions_are_refused_wherever_the_workflow_stands(row: Transition, state: Status) -> None:
    refused = in_state(state).refused(advance(row.name))
    assert refused.reason == "guard_not_available"
    assert [finding.rule for finding in refused.findings] == [g for g in row.guards if g not in GUARDS]


@pytest.mark.parametrize("row", [row for row in ROWS if row.available], ids=named)
@pytest.mark.parametrize("state", REACHED)
def test_an_available_transition_leads_from_its_states_alone(row: Transition, state: Status) -> None:
    life = in_state(state)
    life.take(*([include()] if life.control(CLAUSE).applicability == "undecided" else []))
    if state not in row.sources:
        assert life.reason(advance(row.name)) == "transition_not_allowed"
        return
    new = life.take(advance(row.name, "because"))
    assert (new.state, new.phase) == (row.target, PHASES[row.target])
    body = life.events[-1].body
    assert (body["new_status"], body["phase"], body["reason"]) == (row.target, PHASES[row.target], "because")


def test_a_status_change_says_what_happened_and_what_the_guards_found() -> None:
    life = begun("scope")
    event = life.events[-1]
    assert event.type == "governance.compliance.workflow.status_changed"
    assert event.resource == f"workflow/{event.body['workflow_id']}"
    assert (event.body["old_status"], event.body["new_status"]) == ("draft", "scoped")
    assert (event.body["transition"], event.body["regulation"]) == ("scope", "iso42001")
    assert event.body["guards"] == [{"name": "G1", "passed": True, "missing": []}]


def test_a_word_that_is_no_transition_is_refused() -> None:
    refused = begun().refused(advance("approved"))
    assert refused.reason == "unknown_transition"
    assert "start_assessment" in refused.detail


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_no_transition_leads_out_of_a_cancelled_workflow(row: Transition) -> None:
    assert in_state("cancelled").reason(advance(row.name)) == "workflow_closed"


def test_cancelling_by_name_is_cancelling() -> None:
    by_name, by_command = begun(), begun()
    by_name.take(advance("cancel", "no"))
    by_command.take(cancel("no"))
    assert by_name.state == by_command.state


def test_begin_takes_the_three_steps_and_says_the_defaults_aloud() -> None:
    life = Life()
    state = life.take(create(owner="bob"), advance("begin"))
    assert [event.type.removeprefix("governance.compliance.workflow.") for event in life.events] == [
        "created",
        "status_changed",
        "assigned",
        "status_changed",
        "applicability_decided",
        "status_changed",
    ]
    assert (state.state, state.phase, state.version) == ("collecting", "in_progress", 6)
    assert {(c.owner, c.applicability, c.state) for c in state.controls} == {
        ("bob", "applicable", "evidence_pending")
    }
    moves = [e.body for e in life.events if "transition" in e.body]
    assert [(m["transition"], m["old_status"], m["new_status"]) for m in moves] == [
        ("scope", "draft", "scoped"),
        ("start_readiness", "scoped", "readiness"),
        ("open_collection", "readiness", "collecting"),
    ]


def test_begin_leaves_what_was_said() -> None:
    life = begun()
    life.take(assign("4.2", owner="carl"), exclude(ANNEX), include(CLAUSE, reason="first"))
    life.take(exclude(ANNEX), actor="bob")
    life.take(advance("begin"))
    assert life.control("4.2").owner == "carl"
    assert life.control(CLAUSE).reason == "first"
    assert (life.control(ANNEX).state, life.control(ANNEX).owner) == ("not_applicable", None)


def test_begin_where_everything_was_said_is_the_three_steps_alone() -> None:
    life = begun()
    life.take(assign(owner="bob"), include())
    before = len(life.events)
    life.take(advance("begin"))
    assert len(life.events) - before == 3


def test_begin_is_the_three_steps_with_the_defaults_said_in_between() -> None:
    at_once, singly = begun("begin"), begun("scope")
    singly.take(assign(owner="ann"), advance("start_readiness"))
    reason = at_once.control(CLAUSE).reason
    singly.take(include(reason=reason), advance("open_collection"))
    assert at_once.state == singly.state


def test_begin_that_fails_names_everything_that_is_missing_and_changes_nothing() -> None:
    life = begun()
    life.take(exclude(ANNEX), assign(CLAUSE, assessor="ann"))
    refused = life.refused(advance("begin"))
    assert refused.reason == "guard_failed"
    rules = [finding.rule for finding in refused.findings]
    assert set(rules) == {"G2", "G3", "annex_a_all_decided"}
    assert life.state is not None
    assert life.state.state == "draft"


def test_a_guard_that_a_profile_adds_is_asked_with_the_rows_own() -> None:
    life = in_state("readiness")
    life.take(include(reason=""))
    refused = life.refused(advance("open_collection"))
    assert refused.reason == "guard_failed"
    assert len(refused.findings) == 38
    assert {finding.rule for finding in refused.findings} == {"annex_a_all_decided"}


def test_a_guard_of_a_profile_that_no_release_checks_is_shown_as_not_passed() -> None:
    life = begun("begin", code="hipaa")
    assert life.events[-1].body["guards"] == [
        {"name": "G3", "passed": True, "missing": []},
        {"name": "risk_analysis_current", "passed": False, "missing": [NOT_CHECKED]},
        {"name": "addressables_decided", "passed": True, "missing": []},
    ]


@pytest.mark.parametrize("code", ["soc2", "iso27001", "hipaa", "iso42001", "eu_ai_act", "fedramp"])
def test_every_regulation_comes_to_collecting_in_one_step(code: str) -> None:
    state = begun("begin", code=code).state
    assert state is not None
    assert state.state == "collecting"
    assert state.name == NAME
