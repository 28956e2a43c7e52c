"""Commands from options: made, sent, and their outcome shown."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from client.cli.calling import asking, run
from client.cli.results import show_outcome
from client.cli.settings import settings
from client.errors import InvalidCommand
from client.governance import CallOptions
from client.outcome import Decided
from schemas.models import Command

Model = TypeVar("Model", bound=Command)


def typed(model: type[Model], fields: Mapping[str, object]) -> Model:
    """The command of these fields, None taking the default; raises :class:`InvalidCommand` by field name."""
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidCommand(f"{place}: {first['msg']}" if place else first["msg"]) from None


def call_options(timeout: float, command_id: str | None) -> CallOptions:
    """What the options of a call say about its command."""
    options: CallOptions = {"timeout": timeout}
    if command_id is not None:
        options["command_id"] = command_id
    return options


def submit(
    command: Command,
    tenant: str | None,
    actor: str | None,
    command_id: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Sends a command, waits for the decision and shows it."""
    found = settings()

    async def send() -> Decided:
        async with asking(found, found.sender(tenant, actor)) as client:
            return await client.submit(command, "decided", **call_options(timeout, command_id))

    show_outcome(run(send(), "waiting for the decision"), as_json)
