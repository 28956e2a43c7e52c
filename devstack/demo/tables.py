"""How the report prints: plain tables that fold rather than cut."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def new_table(console: Console, title: str, columns: Sequence[str], *, numbers: bool = False) -> Table:
    """A table under its printed title; with ``numbers`` all columns but the first are aligned right."""
    put(console, Text(f"\n{title}", style="bold"))
    table = Table(box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(
            column, header_style="dim", justify="right" if numbers and place else "left", overflow="fold"
        )
    return table


def put(console: Console, shown: Table | Text) -> None:
    """Prints without guessing what a number or a path is."""
    console.print(shown, highlight=False)
