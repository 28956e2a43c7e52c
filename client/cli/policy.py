"""``governance policy``: checks, submits, activates, suspends, retires and shows policies."""

from typing import Annotated, Any

import typer

from client.cli import packs
from client.cli.activation import activate_and_wait, read_policy
from client.cli.calling import (
    ActorOption,
    CommandIdOption,
    LimitOption,
    TenantOption,
    TimeoutOption,
    reading,
    run,
)
from client.cli.checking import run_policy_tests, validate
from client.cli.documents import read_text
from client.cli.output import JsonOption, people, print_fields, print_json, print_table
from client.cli.results import outcome_document, show_outcome
from client.cli.settings import settings
from client.cli.simulating import simulate
from client.cli.submitting import submit, typed
from client.cli.versions import diff
from client.governance import SUBMIT_TIMEOUT_S
from schemas.models import (
    ActivatePolicy,
    CreatePolicy,
    Enforcement,
    FailMode,
    InputStorage,
    RetirePolicy,
    RollbackPolicy,
    SuspendPolicy,
    UpdatePolicy,
)

app = typer.Typer(no_args_is_help=True, help="Checks, submits, activates, retires and shows policies.")
app.command()(validate)
app.command("test")(run_policy_tests)
app.command()(diff)
app.command()(simulate)
packs.register(app)

FileArgument = Annotated[str, typer.Argument(help="Rego source of one module; - is standard input.")]
NameArgument = Annotated[str, typer.Argument(help="Name or id of the policy.")]
DescriptionOption = Annotated[str | None, typer.Option(help="For people.", show_default=False)]
RegulationOption = Annotated[
    list[str] | None,
    typer.Option("--regulation", help="A regulation it serves; repeatable.", show_default=False),
]
EnforcementOption = Annotated[Enforcement | None, typer.Option(show_default=False)]
FailModeOption = Annotated[
    FailMode | None, typer.Option(help="The outcome when the policy cannot answer.", show_default=False)
]
PersonalOption = Annotated[
    list[str] | None,
    typer.Option(
        "--personal-field",
        help="JSON Pointer of an input field that is masked before it is stored; repeatable.",
        show_default=False,
    ),
]
InputStorageOption = Annotated[
    InputStorage | None,
    typer.Option(help="Whether decisions keep their input or only its digest.", show_default=False),
]
TimeoutMsOption = Annotated[int | None, typer.Option(help="Evaluation deadline in ms.", show_default=False)]


@app.command()
def create(
    file: FileArgument,
    name: Annotated[str, typer.Option(help="The policy's identity inside its tenant.")],
    description: DescriptionOption = None,
    regulation: RegulationOption = None,
    enforcement: EnforcementOption = None,
    fail_mode: FailModeOption = None,
    timeout_ms: TimeoutMsOption = None,
    personal_field: PersonalOption = None,
    input_storage: InputStorageOption = None,
    tenant: TenantOption = None,
    actor: ActorOption = None,
    command_id: CommandIdOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Submits a policy's first version; it decides once it is activated."""
    stored = personal_field, input_storage
    fields = _fields(file, description, regulation, enforcement, fail_mode, timeout_ms, *stored)
    command = typed(CreatePolicy, {"name": name, **fields})
    submit(command, tenant, actor, command_id, timeout, as_json)


@app.command()
def update(
    policy: NameArgument,
    file: Annotated[str | None, typer.Argument(help="Rego source; without it the newest stays.")] = None,
    description: DescriptionOption = None,
    regulation: RegulationOption = None,
    enforcement: EnforcementOption = None,
    fail_mode: FailModeOption = None,
    timeout_ms: TimeoutMsOption = None,
    personal_field: PersonalOption = None,
    input_storage: InputStorageOption = None,
    tenant: TenantOption = None,
    actor: ActorOption = None,
    command_id: CommandIdOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Submits the next version; what is not given is taken from the newest one."""
    stored = personal_field, input_storage
    fields = _fields(file, description, regulation, enforcement, fail_mode, timeout_ms, *stored)
    submit(typed(UpdatePolicy, {"policy": policy, **fields}), tenant, actor, command_id, timeout, as_json)


@app.command()
def activate(
    policy: NameArgument,
    version: Annotated[int, typer.Option(min=1, help="The version that is to decide.")],
    wait: Annotated[bool, typer.Option(help="Wait until it decides, as the read API tells.")] = True,
    tenant: TenantOption = None,
    actor: ActorOption = None,
    command_id: CommandIdOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Makes a version the deciding one; going back to an older version is the same."""
    command = typed(ActivatePolicy, {"policy": policy, "version": version})
    found = settings()
    call = activate_and_wait(found, command, policy, version, wait, tenant, actor, command_id, timeout)
    decided, now = run(call, "waiting for every OPA to confirm the version")
    if as_json:
        print_json({**outcome_document(decided), "policy": now})
        return
    show_outcome(decided, as_json=False)
    if now is not None:
        people().print(f"\n{now['name']} is decided by version {now['active_version']}", markup=False)


@app.command()
def rollback(
    policy: NameArgument,
    to: Annotated[
        int | None, typer.Option(min=1, help="A superseded version; else the last one.", show_default=False)
    ] = None,
    reason: Annotated[str, typer.Option(help="For people.")] = "",
    tenant: TenantOption = None,
    actor: ActorOption = None,
    command_id: CommandIdOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Lets an earlier version decide again; the last one does at once, it is still loaded."""
    command = typed(RollbackPolicy, {"policy": policy, "to_version": to, "reason": reason})
    submit(command, tenant, actor, command_id, timeout, as_json)


@app.command()
def suspend(
    policy: NameArgument,
    version: Annotated[
        int | None, typer.Option(min=1, help="Else the one that decides.", show_default=False)
    ] = None,
    reason: Annotated[str, typer.Option(help="For people.")] = "",
    tenant: TenantOption = None,
    actor: ActorOption = None,
    command_id: CommandIdOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Stops asking a version: the policy's fail mode decides until a version is activated."""
    command = typed(SuspendPolicy, {"policy": policy, "version": version, "reason": reason})
    submit(command, tenant, actor, command_id, timeout, as_json)


@app.command()
def retire(
    policy: NameArgument,
    reason: Annotated[str, typer.Option(help="For people.")] = "",
    tenant: TenantOption = None,
    actor: ActorOption = None,
    command_id: CommandIdOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Takes a policy out of use."""
    command = typed(RetirePolicy, {"policy": policy, "reason": reason})
    submit(command, tenant, actor, command_id, timeout, as_json)


@app.command("list")
def list_policies(
    state: Annotated[str | None, typer.Option(help="draft, active or retired.", show_default=False)] = None,
    limit: LimitOption = 100,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lists the tenant's policies."""

    async def read() -> list[dict[str, Any]]:
        query = {} if state is None else {"state": state}
        async with reading(settings(), tenant) as api:
            return [item async for item in api.items("/api/v1/policies", query, limit)]

    found = run(read(), "reading policies")
    if as_json:
        print_json(found)
        return
    columns = ("name", "state", "active_version", "newest_version", "updated_at", "policy_id")
    print_table("Policies", columns, [[item[column] for column in columns] for item in found])


@app.command()
def show(policy: NameArgument, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Shows one policy with its versions."""
    own = settings()

    async def read() -> dict[str, Any]:
        async with reading(own, tenant) as api:
            return await read_policy(api, own.tenant_of(tenant), policy)

    found = run(read(), "reading the policy")
    if as_json:
        print_json(found)
        return
    versions = found.pop("versions")
    freshness = found.pop("freshness")
    print_fields({**found, "audit": freshness["audit"]["state"]})
    columns = ("version", "state", "enforcement", "fail_mode", "timeout_ms", "author", "created_at")
    print_table("\nVersions", columns, [[each[column] for column in columns] for each in versions])


def _fields(
    file: str | None,
    description: str | None,
    regulations: list[str] | None,
    enforcement: Enforcement | None,
    fail_mode: FailMode | None,
    timeout_ms: int | None,
    personal_fields: list[str] | None,
    input_storage: InputStorage | None,
) -> dict[str, object]:
    fields = {
        "rego_content": None if file is None else read_text(file),
        "description": description,
        "regulation_refs": regulations or None,
        "enforcement": enforcement,
        "fail_mode": fail_mode,
        "timeout_ms": timeout_ms,
        "personal_fields": personal_fields or None,
        "input_storage": input_storage,
    }
    return {name: value for name, value in fields.items() if value is not None}
