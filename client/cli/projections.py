"""``governance projections rebuild``: what readers see, compared with the events or made anew from them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import typer

from client.cli.calling import counting, run
from client.cli.output import Exit, JsonOption, people, print_json, print_table
from client.cli.postgres import DATABASE_ERRORS
from client.cli.settings import settings
from client.errors import Unreachable
from projections.rebuild.postgres import Lane, LaneReport, check, lanes_to_read, rebuild

app = typer.Typer(no_args_is_help=True, help="What readers see, made from the events.")


class Projection(StrEnum):
    """What can be made anew by itself."""

    DECISION_STATS = "decision_stats"


@app.callback()
def projections() -> None:
    """What readers see, made from the events."""


@app.command("rebuild")
def rebuild_projections(
    only: Annotated[
        Projection,
        typer.Option(help="Which: figures and reasons of decisions, activations, shadows, replays."),
    ] = Projection.DECISION_STATS,
    dry: Annotated[
        bool, typer.Option("--check", help="Compare only; exit 1 where something differs.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Makes counts, shadows and replays anew from the event table, lane by lane, while workers go on.

    A lane whose rows are right is left as it is. With the agents' database login.
    """
    reports = run(_each_lane(settings().database(), dry), "reading lanes")
    wrong = sum(report.wrong for report in reports)
    if as_json:
        print_json({"projection": only.value, "rebuilt": not dry, "lanes": list(map(_document, reports))})
    else:
        columns = ("lane", "events", "rows compared", "wrong")
        rows = [(_name(r.lane), r.events, r.compared, r.wrong) for r in reports]
        print_table("Compared with the event table" if dry else "Made from the event table", columns, rows)
        for report in reports:
            for problem in report.problems:
                people().print(f"{_name(report.lane)}: {problem}", markup=False)
    if dry and wrong:
        raise typer.Exit(Exit.FAILED)


async def _each_lane(dsn: str, dry: bool) -> list[LaneReport]:
    treat = check if dry else rebuild
    try:
        lanes, read = await lanes_to_read(dsn), 0
        async with counting(sum(lanes.values()), "events") as done:

            def advanced(count: int) -> None:
                nonlocal read
                read += count
                done(read)

            return [await treat(dsn, lane, advanced) for lane in lanes]
    except (OSError, *DATABASE_ERRORS) as error:
        raise Unreachable(f"primary database: {type(error).__name__}: {error}") from error


def _document(report: LaneReport) -> Mapping[str, object]:
    topic, partition = report.lane
    fields = {"events": report.events, "compared": report.compared, "wrong": report.wrong}
    return {"topic": topic, "partition": partition, **fields, "problems": report.problems}


def _name(lane: Lane) -> str:
    return f"{lane[0]}/{lane[1]}"
