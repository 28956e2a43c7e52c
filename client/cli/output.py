"""What people and programs see: tables and sentences, or with ``--json`` one JSON document.

Results go to standard output, everything else to standard error. Exit codes:

==  =====================================================================
0   done; for a decision: allow
1   failed, refused, or the decision is deny
2   wrong usage: option, file, command body or missing setting
3   no answer in time; the command may still be decided
4   Kafka, the read API or a database cannot be reached
==  =====================================================================
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.table import Table

from client import errors

PIPE_WIDTH: Final = 400
"""Columns of output that goes to no terminal: enough for a row of any list."""

JSON: Final = "governance.json"
"""Key in the call's context: whether ``--json`` was given."""


class Exit(IntEnum):
    """The documented exit codes."""

    OK = 0
    FAILED = 1
    USAGE = 2
    TIMED_OUT = 3
    UNREACHABLE = 4


def _remember(context: typer.Context, value: bool) -> bool:
    context.meta[JSON] = value
    return value


JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document, for programs.", callback=_remember)
]


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str)
    sys.stdout.write(text.decode() + "\n")


def people() -> Console:
    """Where results for people go; a pipe or file is not folded to the width of a screen."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=PIPE_WIDTH)


def aside() -> Console:
    """Where progress, warnings and errors go."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for people; an empty one says so."""
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console = people()
    console.print(table if table.row_count else f"{title}: none", markup=False)


def print_fields(fields: Mapping[str, object]) -> None:
    """One thing, a field a line."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(name.replace("_", " "), _text(value))
    people().print(table, markup=False)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case dict():
            return ", ".join(f"{name} {_text(inner)}" for name, inner in value.items())
        case list() | tuple():
            return ", ".join(map(_text, value))
        case _:
            return str(value)


def exit_code(error: errors.GovernanceError) -> Exit:
    """The exit code of an error."""
    match error:
        case errors.InvalidCommand() | errors.NotConfigured():
            return Exit.USAGE
        case errors.TimedOut():
            return Exit.TIMED_OUT
        case errors.Unreachable():
            return Exit.UNREACHABLE
        case _:
            return Exit.FAILED


def report(error: errors.GovernanceError, as_json: bool) -> None:
    """Says what went wrong on standard error."""
    if as_json:
        sys.stderr.write(orjson.dumps(error_document(error), default=str).decode() + "\n")
        return
    console = aside()
    console.print("error:", str(error), markup=False, style="red")
    for finding in getattr(error, "findings", ()):
        place = f"{finding.file}:{finding.row}:{finding.column} " if finding.file else ""
        console.print(f"  {place}{finding.rule}: {finding.message} {finding.hint}".rstrip(), markup=False)


def error_document(error: errors.GovernanceError) -> dict[str, object]:
    """An error for programs."""
    fields: dict[str, object] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, errors.Refused | errors.TimedOut):
        fields["command_id"] = error.command_id
    if isinstance(error, errors.Rejected | errors.Quarantined):
        fields |= {"reason": error.reason, "detail": error.detail}
    if isinstance(error, errors.Rejected):
        fields["findings"] = list(error.findings)
    return fields
