"""What the read API answers, as tables and fields."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from client.api import Json
from client.cli.calling import reading, run
from client.cli.output import print_fields, print_json, print_table
from client.cli.settings import settings

FromOption = Annotated[str | None, typer.Option("--from", help="Not before, RFC 3339.", show_default=False)]
ToOption = Annotated[str | None, typer.Option("--to", help="Before, RFC 3339.", show_default=False)]
ByOption = Annotated[str | None, typer.Option("--by", help="Who asked.", show_default=False)]


def show_list(
    title: str,
    path: str,
    query: Mapping[str, str | None],
    columns: Sequence[str],
    limit: int,
    tenant: str | None,
    as_json: bool,
) -> None:
    """A list's first ``limit`` items; a filter that is None is not asked for."""
    wanted = {name: value for name, value in query.items() if value is not None}

    async def read() -> list[Json]:
        async with reading(settings(), tenant) as api:
            return [item async for item in api.items(path, wanted, limit)]

    found = run(read(), "reading")
    if as_json:
        print_json(found)
    else:
        print_table(title, columns, [[item[column] for column in columns] for item in found])


def show_one(path: str, tenant: str | None, as_json: bool) -> None:
    """One resource, a field a line."""
    found = read_one(path, {}, tenant)
    if as_json:
        print_json(found)
    else:
        print_fields(short(found))


def read_one(path: str, query: Mapping[str, str | None], tenant: str | None) -> Json:
    """One resource or page."""
    wanted = {name: value for name, value in query.items() if value is not None}

    async def read() -> Json:
        async with reading(settings(), tenant) as api:
            return await api.get(path, wanted)

    return run(read(), "reading")


def short(found: dict[str, Any]) -> dict[str, object]:
    """For people: the proof state alone of where an answer stands."""
    freshness = found.pop("freshness", None)
    return {**found, **({"audit": freshness["audit"]["state"]} if freshness else {})}


def percent(share: float | None) -> str:
    """A share for people; none where nothing is applicable."""
    return "-" if share is None else f"{share:.0%}"
