"""Commands about workflows: what they change, and why they are refused."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from agents.decisions.workflow import ALL_SYSTEMS, WorkflowCommand
from projections.apply.workflow_state import ControlStatus
from schemas.identity import workflow_id
from tests.agents.commands import TENANT
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
    fire,
    include,
    regulation,
)


def test_a_workflow_begins_as_a_draft_with_every_control_unassessed() -> None:
    state = begun().state
    assert state is not None
    assert (state.state, state.phase, state.version) == ("draft", "draft", 1)
    assert state.workflow_id == workflow_id(TENANT, NAME)
    assert len(state.controls) == 70
    assert {(c.applicability, c.state, c.owner) for c in state.controls} == {
        ("undecided", "not_assessed", None)
    }
    assert (state.applicable, state.excluded, state.assessed, state.satisfied) == (0, 0, 0, 0)


def test_what_is_not_said_takes_its_default() -> None:
    state = begun().state
    assert state is not None
    assert (state.owner, state.boundary) == ("ann", ALL_SYSTEMS)
    assert (state.period_start, state.period_end) == (date(2026, 9, 1), date(2027, 9, 1))
    assert state.edition == "ISO/IEC 42001:2023"
    assert state.regulation_version == regulation().version
    assert [(t.name, t.generation, t.state) for t in state.timers] == [("period_end", 1, "armed")]
    assert state.timers[0].due_at == datetime(2027, 9, 1, tzinfo=UTC)


def test_what_is_said_is_kept() -> None:
    life = Life()
    state = life.take(
        create(
            "soc2",
            description="yearly",
            boundary="payments",
            owner="bob",
            choices={"category": ["privacy"]},
            period_start="2026-01-31",
            period_months=3,
        )
    )
    assert (state.description, state.boundary, state.owner, state.created_by) == (
        "yearly",
        "payments",
        "bob",
        "ann",
    )
    assert state.period_end == date(2026, 4, 30), "the last day of a shorter month"
    assert state.choices == {"category": ("security", "privacy")}
    assert len(state.controls) == 33 + 18


@pytest.mark.parametrize(
    ("code", "count"),
    [("soc2", 41), ("iso27001", 123), ("hipaa", 143), ("iso42001", 70), ("eu_ai_act", 47), ("fedramp", 323)],
)
def test_each_regulation_gives_a_workflow_its_controls(code: str, count: int) -> None:
    state = begun(code=code).state
    assert state is not None
    assert len(state.controls) == count


def test_the_law_is_that_of_the_day_of_the_decision() -> None:
    versions = []
    for today in (date(2026, 7, 26), date(2026, 7, 27)):
        life = Life(today=today)
        versions.append(life.take(create("eu_ai_act")).law_version)
    assert versions == ["2024/1689", "2026/1744"]


@pytest.mark.parametrize(
    ("command", "today", "reason"),
    [
        (create("gdpr"), None, "unknown_regulation"),
        (create(choices={"class": ["x"]}), None, "unknown_regulation_selector"),
        (create("soc2", choices={"category": ["x"]}), None, "invalid_scope"),
        (create("soc2", choices={"category": []}), None, "invalid_scope"),
        (create("soc2", period_months=2), None, "invalid_period"),
        (create(period_months=13), None, "invalid_period"),
        (create(), date(2023, 12, 17), "not_in_force"),
    ],
)
def test_a_workflow_that_cannot_be_is_refused(
    command: WorkflowCommand, today: date | None, reason: str
) -> None:
    life = Life(today=today) if today else Life()
    assert life.reason(command) == reason


def test_a_scope_is_refused_with_every_reason() -> None:
    refused = Life().refused(create("soc2", choices={"category": ["x", "y"], "colour": ["red"]}))
    assert len(refused.findings) == 3


def test_a_name_can_be_used_once() -> None:
    assert begun().reason(create("soc2")) == "already_exists"
    life = begun()
    life.take(cancel())
    assert life.reason(create()) == "already_exists", "a cancelled workflow keeps its name"


@pytest.mark.parametrize(
    "command", [assign(owner="bob"), include(), exclude(), advance("scope"), cancel(), fire()]
)
def test_commands_about_an_unknown_workflow_are_refused(command: WorkflowCommand) -> None:
    assert Life().reason(command) == "unknown_workflow"


@pytest.mark.parametrize(
    "command", [assign(owner="bob"), include(), exclude(ANNEX), advance("scope"), cancel()]
)
def test_a_cancelled_workflow_takes_no_command(command: WorkflowCommand) -> None:
    life = begun()
    life.take(cancel("not needed"))
    assert life.reason(command) == "workflow_closed"


def test_an_assignment_reaches_the_named_controls_and_changes_what_it_names() -> None:
    life = begun()
    life.take(assign(ANNEX, CLAUSE, owner="bob"), assign(ANNEX, assessor="eve"))
    assert (life.control(ANNEX).owner, life.control(ANNEX).assessor) == ("bob", "eve")
    assert (life.control(CLAUSE).owner, life.control(CLAUSE).assessor) == ("bob", None)
    assert life.control("A.2.3").owner is None


def test_an_assignment_without_controls_reaches_all_that_are_not_excluded() -> None:
    life = begun()
    life.take(exclude(ANNEX))
    life.take(exclude(ANNEX), actor="bob")
    state = life.take(assign(owner="carl"))
    assert [c.control_id for c in state.controls if c.owner is None] == [ANNEX]


def test_an_assignment_names_in_its_event_those_that_it_changes_alone() -> None:
    life = begun()
    life.take(assign(ANNEX, owner="bob"), assign(ANNEX, "A.2.3", owner="bob"))
    assert life.events[-1].body["controls"] == ["A.2.3"]
    assert life.reason(assign(ANNEX, owner="bob")) == "nothing_changes"


@pytest.mark.parametrize("command", [assign("A.99", owner="bob"), include("A.99"), exclude("A.99")])
def test_controls_that_are_not_in_scope_are_unknown(command: WorkflowCommand) -> None:
    refused = begun().refused(command)
    assert refused.reason == "unknown_control"
    assert [finding.rule for finding in refused.findings] == ["unknown_control"]


def test_unassessed_never_counts_as_met() -> None:
    state = begun("begin").state
    assert state is not None
    assert {control.state for control in state.controls} == {"evidence_pending"}
    assert (state.applicable, state.assessed, state.satisfied) == (70, 0, 0)


def test_only_results_count_and_only_of_controls_that_apply() -> None:
    state = begun("begin").state
    assert state is not None
    statuses: tuple[ControlStatus, ...] = (
        "satisfied",
        "partial",
        "not_satisfied",
        "evidence_pending",
        "not_assessed",
    )
    judged = tuple(
        replace(control, state=status) for control, status in zip(state.controls, statuses, strict=False)
    )
    state = replace(state, controls=(*judged, replace(judged[0], applicability="excluded")))
    assert (state.applicable, state.assessed, state.satisfied) == (5, 3, 1)
