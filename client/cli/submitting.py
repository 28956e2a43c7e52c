"""Commands from options: made, sent, and their outcome shown."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TypeVar

from pydantic import ValidationError

from client.cli.calling import ActorOption, CommandIdOption, TenantOption, TimeoutOption, asking, run
from client.cli.output import JsonOption
from client.cli.results import show_outcome
from client.cli.settings import Settings, settings
from client.command import Sender
from client.errors import InvalidCommand
from client.governance import SUBMIT_TIMEOUT_S, CallOptions
from client.outcome import Decided
from schemas.identity import OPERATOR_TENANT
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


def submitted(make: Callable[..., Command]) -> Callable[..., None]:
    """The call that sends what ``make`` returns, waits for the decision and shows it.

    Its options are those of ``make`` and, after them, those of every such call; ``make`` is given those of
    the latter that it names itself.
    """
    return _ending_in(_submit, make)


def submitted_by_operator(make: Callable[..., Command]) -> Callable[..., None]:
    """As :func:`submitted`, in the operators' tenant and signed with the engine key."""
    return _ending_in(_submit_signed, make)


def _submit(
    command: Command,
    tenant: TenantOption = None,
    actor: ActorOption = None,
    command_id: CommandIdOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    found = settings()
    _send(found, found.sender(tenant, actor), command, call_options(timeout, command_id), as_json)


def _submit_signed(
    command: Command,
    actor: ActorOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    found = settings()
    sender = found.sender(OPERATOR_TENANT, actor, signed=True)
    _send(found, sender, command, call_options(timeout, None), as_json)


def _send(found: Settings, sender: Sender, command: Command, options: CallOptions, as_json: bool) -> None:
    async def send() -> Decided:
        async with asking(found, sender) as client:
            return await client.submit(command, "decided", **options)

    show_outcome(run(send(), "waiting for the decision"), as_json)


def _ending_in(end: Callable[..., None], make: Callable[..., Command]) -> Callable[..., None]:
    own = inspect.signature(make).parameters
    _, *ending = inspect.signature(end).parameters.values()
    together = [*own.values(), *(each for each in ending if each.name not in own)]

    @wraps(make)
    def call(**given: object) -> None:
        command = make(**{name: given[name] for name in own})
        end(command, **{each.name: given[each.name] for each in ending})

    # Typer reads the options off both.
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in together]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in together}
    return call
