"""What a run prints and leaves behind: a table, `latest.json`, and a plot."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Part, as_json
from bench.plot import plot


def show(console: Console, parts: Sequence[Part], machine: str) -> None:
    """The table, then conditions and remarks below it."""
    figures = [figure for part in parts for figure in part.figures]
    console.print(_table(figures))
    for figure in figures:
        console.print(f"{figure.name}: {figure.conditions}", style="dim", markup=False, highlight=False)
    for part in parts:
        for remark in part.remarks:
            console.print(remark, markup=False, highlight=False)
    console.print(machine, markup=False, highlight=False)


def write(folder: Path, name: str, parts: Sequence[Part], machine: str) -> tuple[Path, Path]:
    """Writes ``<name>.json`` and ``<name>.svg`` and returns their paths."""
    figures = [figure for part in parts for figure in part.figures]
    folder.mkdir(parents=True, exist_ok=True)
    results, picture = folder / f"{name}.json", folder / f"{name}.svg"
    results.write_bytes(as_json(figures))
    picture.write_bytes(plot(figures, machine))
    return results, picture


def _table(figures: Sequence[Figure]) -> Table:
    table = Table(title="Ours beside the reference of the same run")
    for column in ("figure", "ours", "reference", "ratio", "target", "verified"):
        table.add_column(column, justify="left" if column in {"figure", "target"} else "right")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{_number(figure.ours)} {figure.unit}",
            f"{_number(figure.reference)} {figure.unit}",
            f"{figure.ratio:.3g}x",
            _target(figure),
            "yes" if figure.verified else "[red]no[/]",
        )
    return table


def _target(figure: Figure) -> str:
    shown = []
    for word, target, reached in (
        ("must", figure.must, figure.met),
        ("goal", figure.goal, figure.reaches_goal),
    ):
        if target is not None:
            colour = "green" if reached else "red" if word == "must" else "yellow"
            mark = "reached" if reached else "missed"
            shown.append(f"[{colour}]{word} {target.text(figure.unit)} {mark}[/]")
    return "\n".join(shown)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
