"""``governance audit verify|export|prove``: hands over to the verifier, which knows nothing of the engine."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Annotated, Final

import typer

import devstack
from devstack.errors import StackAbsent

PASSED_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""The verifier reads its own options, ``--help`` too."""

Arguments = Annotated[list[str] | None, typer.Argument(metavar="…", show_default=False)]


def verify(arguments: Arguments = None) -> None:
    """Checks the whole log, an exported folder, or one proof, with public keys alone."""
    _hand_over("verify", arguments)


def export(arguments: Arguments = None) -> None:
    """Writes the log into a folder, for whoever verifies it elsewhere."""
    _hand_over("export", arguments)


def prove(arguments: Arguments = None) -> None:
    """Writes one entry's proof as a file."""
    _hand_over("prove", arguments)


def _hand_over(command: str, arguments: list[str] | None) -> None:
    program = (sys.executable, "-m", "audit_sink.verify", command, *(arguments or ()))
    raise typer.Exit(subprocess.run(program, env=_environment(), check=False).returncode)


def _environment() -> Mapping[str, str]:
    """The caller's environment; beside an embedded stack, what that stack says about its log comes first."""
    try:
        stack = devstack.Stack.load()
    except StackAbsent:
        return os.environ
    notary = stack.environment("notary")["AUMOS_GOVERNANCE_NOTARY_DB_URL"]
    return {**stack.environment(), "AUMOS_GOVERNANCE_NOTARY_DB_URL": notary, **os.environ}
