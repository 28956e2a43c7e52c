"""``governance quarantine list|show|retry|discard``."""

import base64
from dataclasses import asdict
from typing import Annotated, Final

import typer

from client.cli.calling import LimitOption, TenantOption, run
from client.cli.output import JsonOption, people, print_fields, print_json, print_table
from client.cli.postgres import Held, HeldWhole, operator_database
from client.cli.settings import settings
from client.cli.submitting import submitted_by_operator
from client.errors import InvalidCommand, NotHeld
from schemas.models import DiscardQuarantined, RetryQuarantined

app = typer.Typer(
    no_args_is_help=True, help="What could not be read or processed, and what is done about it."
)

PositionArgument = Annotated[str, typer.Argument(help="TOPIC/PARTITION/OFFSET, as `list` shows it.")]
ReasonOption = Annotated[str, typer.Option(help="For people; it is audited.")]

SHOWN_BYTES: Final = 2_000
"""Bytes of a value that people see; --json has all of it."""


@app.command("list")
def list_held(
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="quarantined, parked, retried, released or discarded; repeatable.", show_default=False
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every state.")] = False,
    topic: Annotated[str | None, typer.Option(help="One command topic.", show_default=False)] = None,
    tenant: TenantOption = None,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """Lists what is held: quarantined records, and what is parked behind them."""
    dsn = settings().database()
    states = None if everything else state or ["quarantined", "parked"]

    async def read() -> list[Held]:
        async with operator_database(dsn) as database:
            return await database.quarantine(states, topic, tenant, limit)

    found = run(read(), "reading quarantine")
    if as_json:
        print_json([{"position": each.position, **asdict(each)} for each in found])
        return
    columns = ("position", "state", "tenant", "command", "reason", "detail", "since")
    rows = [(h.position, h.state, h.tenant, h.command_id, h.reason, h.detail, h.recorded_at) for h in found]
    print_table("Quarantine", columns, rows)


@app.command()
def show(position: PositionArgument, as_json: JsonOption = False) -> None:
    """Shows one held record whole: headers and value as they were received."""
    topic, partition, offset = _position(position)
    dsn = settings().database()

    async def read() -> HeldWhole | None:
        async with operator_database(dsn) as database:
            return await database.quarantined(topic, partition, offset)

    found = run(read(), "reading quarantine")
    if found is None:
        raise NotHeld(f"nothing is held at {position}; see: governance quarantine list --all")
    headers = {name: base64.b64decode(value).decode(errors="replace") for name, value in found.headers}
    value = found.value or b""
    if as_json:
        raw = {"key": (found.key or b"").hex(), "headers": found.headers, "value": value.hex()}
        print_json({"position": position, **asdict(found.held), **raw})
        return
    print_fields({**asdict(found.held), **headers})
    people().print(f"\n{value[:SHOWN_BYTES]!r}", markup=False)
    if len(value) > SHOWN_BYTES:
        people().print(f"... {len(value) - SHOWN_BYTES} bytes more")


@app.command()
@submitted_by_operator
def retry(
    position: PositionArgument,
    reason: ReasonOption = "",
) -> RetryQuarantined:
    """Processes a held command once more, then what is parked behind it."""
    topic, partition, offset = _position(position)
    return RetryQuarantined(topic=topic, partition=partition, offset=offset, reason=reason)


@app.command()
@submitted_by_operator
def discard(
    position: PositionArgument,
    reason: ReasonOption = "",
) -> DiscardQuarantined:
    """Gives a held command up; what is parked behind it is processed."""
    topic, partition, offset = _position(position)
    return DiscardQuarantined(topic=topic, partition=partition, offset=offset, reason=reason)


def _position(text: str) -> tuple[str, int, int]:
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise InvalidCommand(f"{text!r} is no TOPIC/PARTITION/OFFSET")
    return topic, int(partition), int(offset)
