"""``governance lanes status|republish|restore``."""

import os
import subprocess
import sys
from dataclasses import asdict
from typing import Annotated

import typer

import devstack
from client.cli.calling import run
from client.cli.output import Exit, JsonOption, aside, print_json, print_table
from client.cli.postgres import LaneRow, operator_database
from client.cli.settings import Settings, settings
from client.cli.submitting import submitted_by_operator
from client.errors import InvalidCommand, Unreachable
from client.kafka_ends import partition_ends
from client.transport import Place
from schemas.models import RepublishLane
from schemas.topics import command_topic_for_events, family_of

app = typer.Typer(no_args_is_help=True, help="How far each lane is, and how a hole in one is repaired.")


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Shows every lane: records to decide, events to publish, records held."""
    lanes, ends = run(_read(settings()), "reading lanes")
    if as_json:
        print_json([_document(lane, ends) for lane in lanes])
        return
    columns = ("lane", "decided", "lag", "events", "unpublished", "quarantined", "parked", "last event")
    rows = [
        (
            f"{lane.topic}/{lane.partition}",
            lane.next_offset,
            _lag(lane, ends),
            lane.next_seq - 1,
            lane.unpublished,
            lane.quarantined,
            lane.parked,
            lane.last_event_time,
        )
        for lane in lanes
    ]
    print_table("Lanes", columns, rows)


@app.command()
@submitted_by_operator
def republish(
    topic: Annotated[str, typer.Option(help="Event or command topic of the lane.")],
    partition: Annotated[int, typer.Option(min=0)],
    start: Annotated[int, typer.Option("--from", min=1, help="First sequence to publish again.")],
) -> RepublishLane:
    """Has a lane's events published once more, from a sequence to the lane's head."""
    return RepublishLane(topic=_command_topic(topic), partition=partition, from_sequence=start)


@app.command()
def restore(
    topic: Annotated[str | None, typer.Option(help="Event or command topic of one lane.")] = None,
    partition: Annotated[int | None, typer.Option(min=0)] = None,
) -> None:
    """Imports published events that a database lacks that was restored from an older backup.

    Of every lane, unless one is named. Takes a worker's environment; exits 1 where a topic no longer holds
    all of them.
    """
    lane = []
    if topic is not None and partition is not None:
        lane = ["--topic", _command_topic(topic), "--partition", str(partition)]
    elif topic is not None or partition is not None:
        raise typer.BadParameter("--topic and --partition name one lane together")
    environment = devstack.environment("worker") if settings().embedded else dict(os.environ)
    # A process of its own: only a worker's may hold a worker's credentials.
    ended = subprocess.run([sys.executable, "-m", "agents.restore", *lane], env=environment, check=False)
    if ended.returncode:
        raise typer.Exit(Exit.FAILED)


async def _read(found: Settings) -> tuple[list[LaneRow], dict[Place, int]]:
    async with operator_database(found.database()) as database:
        lanes = await database.lanes()
    try:
        ends = await partition_ends(found.broker(), sorted({lane.topic for lane in lanes}))
    except Unreachable as error:
        aside().print(f"without lag: {error}", markup=False, style="yellow")
        ends = {}
    return lanes, ends


def _lag(lane: LaneRow, ends: dict[Place, int]) -> int | None:
    end = ends.get((lane.topic, lane.partition))
    return None if end is None else end - lane.next_offset


def _document(lane: LaneRow, ends: dict[Place, int]) -> dict[str, object]:
    return {**asdict(lane), "unpublished": lane.unpublished, "lag": _lag(lane, ends)}


def _command_topic(topic: str) -> str:
    try:
        family_of(topic)
    except KeyError:
        raise InvalidCommand(f"{topic!r} is no topic of a lane") from None
    return command_topic_for_events(topic)
