"""``governance publish FILE``: commands as they stand in a file."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

import typer

from client.cli.calling import ActorOption, TenantOption, TimeoutOption, asking, counting
from client.cli.documents import Written, read_commands
from client.cli.output import JsonOption, error_document, exit_code, people, print_json
from client.cli.results import outcome_document
from client.cli.settings import Settings, settings
from client.command import Sender
from client.errors import GovernanceError
from client.governance import SUBMIT_TIMEOUT_S, CallOptions, GovernanceClient
from client.outcome import Accepted, Decided, Receipt, SignedReceipt, Until
from schemas.topics import topics

AT_ONCE: Final = 500
"""Commands under way at once: enough to fill the engine's batches, few enough to time each out fairly."""

Result = Accepted | Decided | Receipt | SignedReceipt | GovernanceError


def publish(
    file: Annotated[str, typer.Argument(help="JSON or YAML, one or many commands; - is standard input.")],
    until: Annotated[Until, typer.Option(help="How long to wait for each command.")] = "decided",
    tenant: TenantOption = None,
    actor: ActorOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Sends the commands of a file, all checked before the first is sent.

    Exits 1 when one was refused, 3 when one had no answer in time.
    """
    commands = read_commands(file)
    found = settings()
    signed = any(each.command.TYPE in topics().engine_made for each in commands)
    own = commands[0].tenant if all(each.tenant for each in commands) else None
    sender = found.sender(tenant or own, actor, signed)
    results = asyncio.run(_publish(found, commands, until, sender, timeout))
    if as_json:
        print_json([_document(each) for each in results])
    else:
        for number, each in enumerate(results, 1):
            people().print(f"{number:>4}  {_line(each)}", markup=False)
    errors = [each for each in results if isinstance(each, GovernanceError)]
    if errors:
        raise typer.Exit(max(exit_code(error) for error in errors))


async def _publish(
    found: Settings, commands: Sequence[Written], until: Until, sender: Sender, timeout: float
) -> list[Result]:
    room = asyncio.Semaphore(AT_ONCE)
    async with asking(found, sender) as client, counting(len(commands), "commands") as done:
        sent = 0

        async def send(each: Written) -> Result:
            nonlocal sent
            async with room:
                result = await _send(client.acting(_sender(sender, each)), each, until, timeout)
            sent += 1
            done(sent)
            return result

        return list(await asyncio.gather(*map(send, commands)))


async def _send(client: GovernanceClient, each: Written, until: Until, timeout: float) -> Result:
    options: CallOptions = {
        "timeout": timeout,
        "correlation": each.correlation,
        "traceparent": each.traceparent,
    }
    if each.id is not None:
        options["command_id"] = each.id
    if each.expected_version is not None:
        options["expected_version"] = each.expected_version
    try:
        return await client.submit(each.command, until, **options)
    except GovernanceError as error:
        return error


def _sender(sender: Sender, each: Written) -> Sender:
    return replace(
        sender,
        tenant=each.tenant or sender.tenant,
        actor=each.actor or sender.actor,
        source=each.source or sender.source,
    )


def _document(result: Result) -> dict[str, object]:
    return error_document(result) if isinstance(result, GovernanceError) else outcome_document(result)


def _line(result: Result) -> str:
    match result:
        case Accepted():
            return f"accepted  {result.command_id}  {result.topic}/{result.partition}@{result.offset}"
        case Decided():
            return f"decided   {result.command_id}  {result.type}  {result.subject}"
        case Receipt():
            event = result.decided
            return f"audited   {event.command_id}  {event.type}  {event.subject}  index {result.index}"
        case SignedReceipt():
            index = result.receipt.index
            return f"signed    {result.receipt.decided.command_id}  index {index} of {result.size}"
        case _:
            return f"failed    {result}"
