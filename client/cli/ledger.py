"""``governance audit verify|prove|rebuild|retention``: hands over to the sink's own programs."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Final, NoReturn

import typer

import devstack
from devstack.errors import StackAbsent
from devstack.servers.postgres import AUDIT

PASSED_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""The verifier reads its own options, ``--help`` too."""

Arguments = Annotated[list[str] | None, typer.Argument(metavar="…", show_default=False)]


def verify(arguments: Arguments = None) -> None:
    """Checks the whole log, an exported folder, or one proof, with public keys alone."""
    hand_over("verify", arguments)


def prove(arguments: Arguments = None) -> None:
    """Writes one entry's proof as a file."""
    hand_over("prove", arguments)


def rebuild(arguments: Arguments = None) -> None:
    """Adds to the wall what it lacks of the signed log. Needs the sink's settings; stop the sinks first."""
    _run(("audit_sink.rebuild", *(arguments or ())), ("sink", "AUMOS_GOVERNANCE_AUDIT_DB_URL"))


def retention(arguments: Arguments = None) -> None:
    """Plans, exports and prunes ranges whose retention has ended; needs a superuser of the audit database."""
    command = (sys.executable, "-m", "audit_sink.retention", *(arguments or ()))
    environment = dict(os.environ)
    with suppress(StackAbsent):
        stack = devstack.Stack.load()
        environment.setdefault("AUMOS_GOVERNANCE_MIGRATION_AUDIT_DB_URL", stack.superuser_dsn(AUDIT))
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)


def hand_over(command: str, arguments: list[str] | None) -> NoReturn:
    """Ends as the verifier ends."""
    _run(
        ("audit_sink.verify", command, *(arguments or ())),
        ("notary", "AUMOS_GOVERNANCE_NOTARY_DB_URL"),
    )


def _run(program: Sequence[str], database: tuple[str, str]) -> NoReturn:
    command = (sys.executable, "-m", *program)
    raise typer.Exit(subprocess.run(command, env=_environment(*database), check=False).returncode)


def _environment(process: str, database: str) -> Mapping[str, str]:
    """The caller's environment; beside an embedded stack, what that stack says about its log comes first.

    Of the credentials of ``process`` it has the address ``database`` alone.
    """
    try:
        stack = devstack.Stack.load()
    except StackAbsent:
        return os.environ
    return {**stack.environment(), database: stack.environment(process)[database], **os.environ}
