"""``governance evaluate POLICY``: one decision."""

from typing import Annotated

import orjson
import typer

from client.cli.calling import ActorOption, CommandIdOption, TenantOption, TimeoutOption, asking, run
from client.cli.documents import read_document
from client.cli.output import Exit, JsonOption, people, print_json
from client.cli.results import verdict_document
from client.cli.settings import Settings, settings
from client.cli.submitting import call_options
from client.command import evaluate_command, input_document
from client.governance import SUBMIT_TIMEOUT_S, CallOptions
from client.outcome import Decided, Receipt, Verdict, verdict_of
from schemas.identity import new_command_id
from schemas.models import Evaluate


def evaluate(
    input_file: Annotated[str, typer.Option("--input", help="JSON or YAML object; - is standard input.")],
    policy: Annotated[
        str, typer.Argument(help="Name or id; without one the decision point is asked.", show_default=False)
    ] = "",
    resource: Annotated[
        str, typer.Option(help="What is decided on, type/id; its order is kept.", show_default=False)
    ] = "",
    decision_point: Annotated[str, typer.Option(help="Gate that asks.", show_default=False)] = "",
    audited: Annotated[bool, typer.Option("--audited", help="Wait until the wall has the decision.")] = False,
    tenant: TenantOption = None,
    actor: ActorOption = None,
    command_id: CommandIdOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Asks a policy or a decision point about one input; exits 0 for allow and 1 for deny."""
    identity = command_id or new_command_id()
    data = input_document(read_document(input_file))
    command = evaluate_command(policy, data, resource or f"call/{identity}", decision_point)
    options = call_options(timeout, command_id)
    call = _decide(settings(), command, tenant, actor, audited, options)
    verdict, receipt = run(call, "waiting for the decision")
    if as_json:
        print_json(verdict_document(verdict, receipt))
    else:
        _show(verdict, receipt)
    if verdict.denied:
        raise typer.Exit(Exit.FAILED)


async def _decide(
    found: Settings,
    command: Evaluate,
    tenant: str | None,
    actor: str | None,
    audited: bool,
    options: CallOptions,
) -> tuple[Verdict, Receipt | None]:
    async with asking(found, found.sender(tenant, actor)) as client:
        outcome: Decided | Receipt
        if audited:
            outcome = await client.submit(command, "audited", **options)
            return verdict_of(outcome.decided), outcome
        outcome = await client.submit(command, "decided", **options)
        return verdict_of(outcome), None


def _show(verdict: Verdict, receipt: Receipt | None) -> None:
    console = people()
    version = "" if verdict.version is None else f" version {verdict.version}"
    console.print(verdict.outcome.upper(), style="bold green" if verdict.allowed else "bold red", end="  ")
    at = f" at {verdict.decision_point}" if verdict.decision_point else ""
    console.print(f"{verdict.policy}{version} on {verdict.resource}{at}".lstrip(), markup=False)
    for reason in verdict.reasons:
        console.print(f"  - {reason}", markup=False)
    for obligation in verdict.obligations:
        console.print(f"  obligation: {orjson.dumps(obligation).decode()}", markup=False)
    if verdict.advised_against:
        console.print("  the policy says deny, but is advisory", markup=False)
    if verdict.basis != "policy" and verdict.policy:
        console.print(f"  the policy could not answer ({verdict.error}): its fail mode decided", markup=False)
    console.print(f"  decision {verdict.decision_id}", markup=False)
    if receipt is not None:
        console.print(f"  in the wall at index {receipt.index}", markup=False)
