"""``governance up|down|status|demo``: the embedded stack."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Final

import typer

import devstack
from client.cli.calling import TenantOption
from client.cli.output import Exit, JsonOption, aside, people, print_json, print_table
from client.cli.settings import SCOPES, settings
from client.errors import StackFailed, Unreachable
from devstack.demo.run import COMMANDS
from devstack.demo.run import run as demonstrate
from devstack.demo.scenario import MINIMUM, SEED

TOKEN_S: Final = 86_400
"""Lifetime of the token that ``up`` prints, in seconds: a working day on one's own machine."""


def up(
    infrastructure: Annotated[
        bool, typer.Option("--infrastructure", help="Servers only, none of the product's processes.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=0, help="Number of workers.", show_default=False)] = None,
    opas: Annotated[
        int | None, typer.Option(min=1, help="Number of OPA processes.", show_default=False)
    ] = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Starts what is missing of the embedded stack, and prints where it is and a token to read with."""
    with _failing(), _progress(as_json) as progress:
        devstack.up(devstack.Options(infrastructure, opas, workers), progress)
    found = devstack.status()
    own = settings()
    token = None if infrastructure else own.minted(tenant, SCOPES, TOKEN_S)
    if as_json:
        components = [asdict(each) for each in found]
        print_json({"components": components, "api_url": own.api_url, "token": token})
        return
    _table(found)
    if token is not None:
        people().print(f"\nAPI    {own.api_url}", markup=False)
        people().print(f"token  {token}", markup=False)


def down(
    purge: Annotated[bool, typer.Option("--purge", help="Delete the data, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Stops everything of the embedded stack."""
    with _failing(), _progress(as_json) as progress:
        stopped = devstack.down(purge=purge, progress=progress)
    if as_json:
        print_json({"stopped": stopped})
    else:
        people().print(f"stopped {len(stopped)} component(s)" if stopped else "nothing was running")


def status(as_json: JsonOption = False) -> None:
    """Shows every component of the embedded stack; exits 1 unless all run, 4 where there is no stack."""
    with _failing():
        found = devstack.status()
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        _table(found)
        for each in found:
            if each.tail is not None:
                aside().print(f"\n{each.name} crashed; {each.log} ends with:\n{each.tail}", markup=False)
    if any(each.state is not devstack.State.RUNNING for each in found):
        raise typer.Exit(Exit.FAILED)


def migrate(as_json: JsonOption = False) -> None:
    """Brings databases and topics of the running stack up to date; `up` does it, too."""
    with _failing(), _progress(as_json) as progress:
        devstack.migrate(progress=progress)
    if as_json:
        print_json({"migrated": True})


def demo(
    commands: Annotated[int, typer.Option(min=MINIMUM, help="Evaluations to send.")] = COMMANDS,
    seed: Annotated[int, typer.Option(help="What the evaluations are drawn with.")] = SEED,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Runs the demonstration end to end and prints its report; exits 1 unless everything held."""
    console, output = (aside(), sys.stdout) if as_json else (None, None)
    if demonstrate(console, commands=commands, seed=seed, keep=keep, json_output=output):
        raise typer.Exit(Exit.FAILED)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except devstack.StackAbsent as error:
        raise Unreachable(str(error)) from error
    except devstack.StackError as error:
        raise StackFailed(str(error)) from error


@contextmanager
def _progress(quiet: bool) -> Iterator[devstack.Progress]:
    if quiet:
        yield devstack.Silent()
        return
    with devstack.ConsoleProgress(aside()) as progress:
        yield progress


def _table(found: Sequence[devstack.ComponentStatus]) -> None:
    rows = [(each.name, each.state.value, each.pid, each.address, each.log) for each in found]
    print_table("Components", ("name", "state", "pid", "address", "log"), rows)
