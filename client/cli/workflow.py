"""``governance workflow create|assign|applicability|advance|begin|cancel|list|show``."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

import typer

from client.api import Json
from client.cli.calling import (
    ActorOption,
    CommandIdOption,
    LimitOption,
    TenantOption,
    TimeoutOption,
    asking,
    reading_where_configured,
    run,
)
from client.cli.listing import FromOption, ToOption, percent, read_one, short, show_list
from client.cli.output import JsonOption, people, print_fields, print_json, print_table
from client.cli.results import outcome_document, show_outcome
from client.cli.settings import settings
from client.cli.submitting import call_options, submitted, typed
from client.errors import InvalidCommand
from client.governance import SUBMIT_TIMEOUT_S
from client.outcome import Decided
from schemas.models import (
    AdvanceWorkflow,
    AssignControls,
    CancelWorkflow,
    CreateWorkflow,
    DecideApplicability,
)

app = typer.Typer(no_args_is_help=True, help="Compliance workflows: one assessment of one regulation each.")

PATH = "/api/v1/compliance/workflows"

WorkflowArgument = Annotated[str, typer.Argument(help="Name or id of the workflow.")]
ControlOption = Annotated[
    list[str] | None,
    typer.Option("--control", help="Id of a control; repeatable.", show_default=False),
]
ReasonOption = Annotated[str, typer.Option(help="For people.", show_default=False)]


@app.command()
@submitted
def create(
    regulation: Annotated[str, typer.Option(help="Code, as `governance regulations list` tells.")],
    name: Annotated[str, typer.Option(help="The workflow's identity inside its tenant.")],
    description: Annotated[str | None, typer.Option(help="For people.", show_default=False)] = None,
    boundary: Annotated[
        str | None, typer.Option(help="What is assessed; else all AI systems.", show_default=False)
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Who answers for it; else the actor.", show_default=False)
    ] = None,
    choose: Annotated[
        list[str] | None,
        typer.Option(help="selector=value of the regulation's scope; repeatable.", show_default=False),
    ] = None,
    period_start: Annotated[
        str | None, typer.Option(help="First day, like 2026-01-01; else today.", show_default=False)
    ] = None,
    period_months: Annotated[
        int | None, typer.Option(min=1, help="Length; else the regulation's own.", show_default=False)
    ] = None,
) -> CreateWorkflow:
    """Begins an assessment in the state draft."""
    fields = {
        "name": name,
        "regulation": regulation,
        "description": description,
        "boundary": boundary,
        "owner": owner,
        "choices": _choices(choose or ()),
        "period_start": period_start,
        "period_months": period_months,
    }
    return typed(CreateWorkflow, fields)


@app.command()
@submitted
def assign(
    workflow: WorkflowArgument,
    control: ControlOption = None,
    owner: Annotated[str | None, typer.Option(help="Who does it.", show_default=False)] = None,
    assessor: Annotated[
        str | None, typer.Option(help="Who judges it; never its owner.", show_default=False)
    ] = None,
) -> AssignControls:
    """Gives controls an owner, an assessor, or both; without --control all that are not excluded."""
    fields = {"workflow": workflow, "controls": control, "owner": owner, "assessor": assessor}
    return typed(AssignControls, fields)


@app.command()
@submitted
def applicability(
    workflow: WorkflowArgument,
    applicable: Annotated[bool, typer.Option("--applicable/--exclude", help="Whether they apply.")],
    control: ControlOption = None,
    reason: ReasonOption = "",
) -> DecideApplicability:
    """Decides whether controls apply; without --control all that are undecided.

    An exclusion takes two people: the first asks for it, the same call by another approves it.
    """
    fields = {"workflow": workflow, "controls": control, "applicable": applicable, "reason": reason}
    return typed(DecideApplicability, fields)


@app.command()
@submitted
def advance(
    workflow: WorkflowArgument,
    transition: Annotated[str, typer.Argument(help="scope, start_readiness, open_collection, begin, …")],
    reason: ReasonOption = "",
) -> AdvanceWorkflow:
    """Moves a workflow along a transition; a refusal names each guard and what it misses."""
    fields = {"workflow": workflow, "transition": transition, "reason": reason}
    return typed(AdvanceWorkflow, fields)


@app.command()
def begin(
    workflow: WorkflowArgument,
    reason: ReasonOption = "",
    tenant: TenantOption = None,
    actor: ActorOption = None,
    command_id: CommandIdOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Takes a draft to collecting in one step: the transition begin, an event for each step in between."""
    found = settings()
    command = typed(AdvanceWorkflow, {"workflow": workflow, "transition": "begin", "reason": reason})

    async def send() -> tuple[Decided, Json | None]:
        async with asking(found, found.sender(tenant, actor)) as client:
            decided = await client.submit(command, "decided", **call_options(timeout, command_id))
        async with reading_where_configured(found, tenant) as api:
            return decided, None if api is None else await api.get(_path(workflow))

    decided, now = run(send(), "waiting for the decision")
    if as_json:
        print_json({**outcome_document(decided), "workflow": now})
        return
    show_outcome(decided, as_json=False)
    if now is not None:
        people().print(f"\n{now['name']} is {now['state']}", markup=False)


@app.command()
@submitted
def cancel(
    workflow: WorkflowArgument,
    reason: ReasonOption = "",
) -> CancelWorkflow:
    """Gives a workflow up for good."""
    fields = {"workflow": workflow, "reason": reason}
    return typed(CancelWorkflow, fields)


@app.command("list")
def list_workflows(
    state: Annotated[str | None, typer.Option(help="draft, collecting, …", show_default=False)] = None,
    phase: Annotated[
        str | None,
        typer.Option(
            help="draft, in_progress, in_review, completed, suspended or closed.", show_default=False
        ),
    ] = None,
    regulation: Annotated[str | None, typer.Option(help="Code.", show_default=False)] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for it.", show_default=False)] = None,
    not_before: FromOption = None,
    before: ToOption = None,
    limit: LimitOption = 50,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lists the tenant's workflows, newest first."""
    query = {
        "state": state,
        "phase": phase,
        "regulation": regulation,
        "owner": owner,
        "from": not_before,
        "to": before,
    }
    columns = ("name", "regulation", "state", "owner", "period_start", "period_end", "overdue", "workflow_id")
    show_list("Workflows", PATH, query, columns, limit, tenant, as_json)


@app.command()
def show(workflow: WorkflowArgument, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Shows one workflow with its controls and timers."""
    found = read_one(_path(workflow), {}, tenant)
    if as_json:
        print_json(found)
        return
    controls, timers, standing = (found.pop(name) for name in ("controls", "timers", "standing"))
    shares = {name: percent(standing.pop(name)) for name in ("coverage", "conformity")}
    print_fields(short({**found, **standing, **shares}))
    columns = ("name", "generation", "due_at", "state")
    print_table("\nTimers", columns, [[each[column] for column in columns] for each in timers])
    fields = ("control_id", "title", "applicability", "owner", "assessor", "state")
    print_table("\nControls", fields, [[each[field] for field in fields] for each in controls])


def _path(workflow: str) -> str:
    return f"{PATH}/{quote(workflow, safe='')}"


def _choices(pairs: Sequence[str]) -> dict[str, list[str]]:
    """Values by selector; raises :class:`InvalidCommand`."""
    found: dict[str, list[str]] = {}
    for pair in pairs:
        selector, sign, value = pair.partition("=")
        if not (selector and sign and value):
            raise InvalidCommand(f"--choose {pair}: not selector=value")
        found.setdefault(selector, []).append(value)
    return found
