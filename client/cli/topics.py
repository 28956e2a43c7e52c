"""``governance topics plan|apply``: the cluster against ``topics.yaml``."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from client import topics as cluster
from client.acls import GROUPS, PRINCIPALS, grants
from client.cli.output import Exit, JsonOption, people, print_json
from client.cli.settings import settings
from client.kafka_admin import kafka_admin
from schemas.topics import FILE, Topics, read_topics

app = typer.Typer(no_args_is_help=True, help="Compares Kafka's topics and access rules with topics.yaml.")

FileOption = Annotated[
    Path, typer.Option("--file", exists=True, dir_okay=False, help="Another topics.yaml.", show_default=False)
]
PrincipalsOption = Annotated[
    str, typer.Option("--principals", help="Kafka principal of each process; {service} is its name.")
]
GroupsOption = Annotated[str, typer.Option("--groups", help="Prefix of each process's consumer groups.")]


@app.command()
def plan(
    file: FileOption = FILE,
    principals: PrincipalsOption = PRINCIPALS,
    groups: GroupsOption = GROUPS,
    as_json: JsonOption = False,
) -> None:
    """Shows what `apply` would change; exits 1 where the cluster differs."""
    found = asyncio.run(_plan(read_topics(file.read_text()), principals, groups, carry_out=False))
    _show(found, as_json, "to do")
    if found.changes:
        raise typer.Exit(Exit.FAILED)


@app.command()
def apply(
    file: FileOption = FILE,
    principals: PrincipalsOption = PRINCIPALS,
    groups: GroupsOption = GROUPS,
    as_json: JsonOption = False,
) -> None:
    """Creates topics, sets their settings and access rules; never changes a partition count."""
    wanted = read_topics(file.read_text())
    _show(asyncio.run(_plan(wanted, principals, groups, carry_out=True)), as_json, "done")


@app.command()
def acls(
    file: FileOption = FILE,
    principals: PrincipalsOption = PRINCIPALS,
    groups: GroupsOption = GROUPS,
    as_json: JsonOption = False,
) -> None:
    """Prints the access rules as arguments of Kafka's kafka-acls.sh; asks no cluster."""
    rules = sorted(grants(read_topics(file.read_text()), principals, groups))
    if as_json:
        print_json([{**asdict(rule), "kafka_acls": rule.kafka_acls()} for rule in rules])
        return
    for rule in rules:
        people().print(rule.kafka_acls(), markup=False)


async def _plan(wanted: Topics, principals: str, groups: str, *, carry_out: bool) -> cluster.Plan:
    async with kafka_admin(settings().broker()) as admin:
        proposed = await cluster.read_plan(admin, wanted, grants(wanted, principals, groups))
        if carry_out:
            await cluster.apply(admin, proposed)
        return proposed


def _show(found: cluster.Plan, as_json: bool, heading: str) -> None:
    if as_json:
        changes = [{**asdict(change), "text": str(change)} for change in found.changes]
        print_json({"changes": changes, "notes": found.notes, "authorizer": found.authorizer})
        return
    console = people()
    for change in found.changes:
        console.print(f"{change.action:<9} {change}", markup=False)
    for note in found.notes:
        console.print(f"note      {note}", markup=False)
    if not found.authorizer:
        console.print("note      the cluster checks no access rules (no authorizer): none were compared")
    console.print(
        f"{len(found.changes)} change(s) {heading}" if found.changes else "topics are as topics.yaml says"
    )
