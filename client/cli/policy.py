"""``governance policy``: checks, submits, activates, suspends, retires and shows policies."""

from typing import Annotated, Any

import typer

from client.cli import packs
from client.cli.activation import RECENT, activate_and_wait, read_policy, read_shadow, replays
from client.cli.authoring import PolicyArgument, create, update
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
from client.cli.listing import show_list
from client.cli.output import JsonOption, people, print_fields, print_json, print_table
from client.cli.results import outcome_document, show_outcome
from client.cli.settings import settings
from client.cli.simulating import REPLAY_COLUMNS, replay_cells, simulate
from client.cli.submitting import submitted, typed
from client.cli.versions import diff
from client.governance import SUBMIT_TIMEOUT_S
from schemas.models import (
    ActivatePolicy,
    RetirePolicy,
    RollbackPolicy,
    ShadowPolicy,
    SuspendPolicy,
    UnshadowPolicy,
)

app = typer.Typer(no_args_is_help=True, help="Checks, submits, activates, retires and shows policies.")
app.command()(validate)
app.command("test")(run_policy_tests)
app.command()(diff)
app.command()(simulate)
packs.register(app)
app.command()(create)
app.command()(update)


@app.command()
def activate(
    policy: PolicyArgument,
    version: Annotated[int, typer.Option(min=1, help="The version that is to decide.")],
    replay_days: Annotated[
        int | None,
        typer.Option(min=1, help="Replay the decisions of so many days with it first.", show_default=False),
    ] = None,
    flip_budget: Annotated[int, typer.Option(min=0, help="Most answers that the replay may change.")] = 0,
    override_replay: Annotated[
        str, typer.Option(help="Why it is activated although its replay kept it back.", show_default=False)
    ] = "",
    wait: Annotated[bool, typer.Option(help="Wait until it decides, as the read API tells.")] = True,
    tenant: TenantOption = None,
    actor: ActorOption = None,
    command_id: CommandIdOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Makes a version the deciding one; going back to an older version is the same."""
    gate = None if replay_days is None else {"days": replay_days, "flip_budget": flip_budget}
    fields = {"policy": policy, "version": version, "replay": gate, "override_replay": override_replay}
    command = typed(ActivatePolicy, fields)
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
@submitted
def rollback(
    policy: PolicyArgument,
    to: Annotated[
        int | None, typer.Option(min=1, help="A superseded version; else the last one.", show_default=False)
    ] = None,
    reason: Annotated[str, typer.Option(help="For people.")] = "",
) -> RollbackPolicy:
    """Lets an earlier version decide again; the last one does at once, it is still loaded."""
    return typed(RollbackPolicy, {"policy": policy, "to_version": to, "reason": reason})


@app.command()
@submitted
def suspend(
    policy: PolicyArgument,
    version: Annotated[
        int | None, typer.Option(min=1, help="Else the one that decides.", show_default=False)
    ] = None,
    reason: Annotated[str, typer.Option(help="For people.")] = "",
) -> SuspendPolicy:
    """Stops asking a version: the policy's fail mode decides until a version is activated."""
    return typed(SuspendPolicy, {"policy": policy, "version": version, "reason": reason})


@app.command()
@submitted
def shadow(
    policy: PolicyArgument,
    version: Annotated[int, typer.Option(min=1, help="The version that is to be asked beside.")],
) -> ShadowPolicy:
    """Asks a version beside the deciding one; its answers count for nothing, differences are events."""
    return typed(ShadowPolicy, {"policy": policy, "version": version})


@app.command()
@submitted
def unshadow(
    policy: PolicyArgument,
    reason: Annotated[str, typer.Option(help="For people.")] = "",
) -> UnshadowPolicy:
    """Stops asking the shadow version."""
    return typed(UnshadowPolicy, {"policy": policy, "reason": reason})


@app.command()
@submitted
def retire(
    policy: PolicyArgument,
    reason: Annotated[str, typer.Option(help="For people.")] = "",
) -> RetirePolicy:
    """Takes a policy out of use."""
    return typed(RetirePolicy, {"policy": policy, "reason": reason})


@app.command("list")
def list_policies(
    state: Annotated[str | None, typer.Option(help="draft, active or retired.", show_default=False)] = None,
    limit: LimitOption = 100,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lists the tenant's policies."""
    columns = ("name", "state", "active_version", "newest_version", "updated_at", "policy_id")
    show_list("Policies", "/api/v1/policies", {"state": state}, columns, limit, tenant, as_json)


@app.command()
def show(policy: PolicyArgument, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Shows one policy with its versions, and the replays that their activations waited for."""
    own = settings()

    async def read() -> dict[str, Any]:
        async with reading(own, tenant) as api:
            named = own.tenant_of(tenant)
            found = await read_policy(api, named, policy)
            replayed = await replays(api, named, policy, RECENT)
            return {**found, "replays": replayed, "shadow": await read_shadow(api, named, policy)}

    found = run(read(), "reading the policy")
    if as_json:
        print_json(found)
        return
    versions, replayed, shadows = found.pop("versions"), found.pop("replays"), found.pop("shadow")
    freshness = found.pop("freshness")
    print_fields({**found, "audit": freshness["audit"]["state"]})
    columns = ("version", "state", "enforcement", "fail_mode", "timeout_ms", "author", "created_at")
    shown = ("tests", "coverage", "slowest_us")
    rows = [
        [*(each[column] for column in columns), *((each["checked"] or {}).get(name) for name in shown)]
        for each in versions
    ]
    print_table("\nVersions", (*columns, *shown), rows)
    if replayed:
        print_table("\nReplays", REPLAY_COLUMNS, map(replay_cells, replayed))
    if shadows["days"]:
        figures = ("day", "version", "compared", "differed", "dropped")
        print_table("\nShadows", figures, [[each[name] for name in figures] for each in shadows["days"]])
