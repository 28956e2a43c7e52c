"""Commands about workflows: their key, and the bounds that Avro cannot state."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from schemas.codec import decode, encode
from schemas.compliance_commands import MAX_CONTROLS, MAX_SELECTORS
from schemas.identity import workflow_id
from schemas.models import (
    COMMANDS,
    AdvanceWorkflow,
    AssignControls,
    CancelWorkflow,
    Command,
    CreateWorkflow,
    DecideApplicability,
    FireTimer,
)
from schemas.topics import topics

NAME = "ISO 42001 Annual Assessment 2026"
IDENTITY = workflow_id("acme", NAME)

EXAMPLES: list[Command] = [
    CreateWorkflow(name=NAME, regulation="iso42001"),
    CreateWorkflow(
        name=NAME,
        regulation="soc2",
        description="d\ne",
        boundary="b",
        owner="ann",
        choices={"category": ["privacy"]},
        period_start="2026-01-31",
        period_months=12,
    ),
    AssignControls(workflow=NAME, controls=["A.2.2"], owner="ann", assessor="eve"),
    DecideApplicability(workflow=NAME, controls=["A.2.2"], applicable=False, reason="r"),
    AdvanceWorkflow(workflow=NAME, transition="scope"),
    CancelWorkflow(workflow=NAME, reason="r"),
    FireTimer(workflow=IDENTITY, name="period_end", generation=1, due_at="2027-01-01T00:00:00.000000Z"),
]


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: str(command.TYPE))
def test_a_command_is_read_back_as_it_was_written(command: Command) -> None:
    body = decode(command.TYPE, encode(command.TYPE, command.model_dump()))
    assert COMMANDS[command.TYPE].model_validate(dict(body)) == command


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: str(command.TYPE))
def test_a_workflow_is_one_aggregate_by_name_and_by_id(command: Command) -> None:
    assert command.aggregate("acme") == IDENTITY
    assert command.subject("acme") == f"workflow/{IDENTITY}"
    assert command.aggregate("other") != IDENTITY or isinstance(command, FireTimer)


def test_workflow_ids_never_change() -> None:
    assert IDENTITY == "8530b431-6658-5744-aad0-f84b674a72ee"
    assert workflow_id("acme", IDENTITY.upper()) == IDENTITY


def test_only_the_engine_fires_timers() -> None:
    compliance = {name for name in topics().engine_made if name.startswith("governance.compliance.")}
    assert compliance == {FireTimer.TYPE}


@pytest.mark.parametrize(
    "make",
    [
        lambda: CreateWorkflow(name="", regulation="soc2"),
        lambda: CreateWorkflow(name="n", regulation=""),
        lambda: CreateWorkflow(name="n", regulation="soc2", boundary="x" * 2001),
        lambda: CreateWorkflow(name="n", regulation="soc2", choices={"": ["x"]}),
        lambda: CreateWorkflow(name="n", regulation="soc2", choices={"c": ["a\nb"]}),
        lambda: CreateWorkflow(
            name="n", regulation="soc2", choices={f"c{n}": [] for n in range(MAX_SELECTORS + 1)}
        ),
        lambda: CreateWorkflow(name="n", regulation="soc2", choices={"c": ["x"] * (MAX_SELECTORS + 1)}),
        lambda: CreateWorkflow(name="n", regulation="soc2", period_start="20260131"),
        lambda: CreateWorkflow(name="n", regulation="soc2", period_start="2026-02-30"),
        lambda: CreateWorkflow(name="n", regulation="soc2", period_start="2026-W01-1"),
        lambda: CreateWorkflow(name="n", regulation="soc2", period_start="1969-12-31"),
        lambda: CreateWorkflow(name="n", regulation="soc2", period_start="2201-01-01"),
        lambda: CreateWorkflow(name="n", regulation="soc2", period_months=0),
        lambda: CreateWorkflow(name="n", regulation="soc2", period_months=1201),
        lambda: AssignControls(workflow="n"),
        lambda: AssignControls(workflow="n", controls=["c"] * (MAX_CONTROLS + 1), owner="ann"),
        lambda: AssignControls(workflow="n", controls=[""], owner="ann"),
        lambda: DecideApplicability(workflow="n", applicable=True, reason="a\0b"),
        lambda: DecideApplicability.model_validate({"workflow": "n", "applicable": 1}),
        lambda: AdvanceWorkflow(workflow="n", transition=""),
        lambda: FireTimer(workflow="n", name="t", generation=0, due_at="2027-01-01T00:00:00Z"),
        lambda: FireTimer(workflow="n", name="t", generation=1, due_at="2027-01-01T00:00:00"),
    ],
)
def test_a_command_out_of_bounds_is_refused(make: Callable[[], Command]) -> None:
    with pytest.raises(ValidationError):
        make()
