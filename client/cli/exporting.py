"""``governance audit export``: the whole log as a folder, or entries with their proofs as one file."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from client.api import Json
from client.cli.calling import TenantOption, reading, run
from client.cli.ledger import hand_over
from client.cli.listing import ByOption, FromOption, ToOption
from client.cli.output import people
from client.cli.settings import settings

Format = Literal["jsonl", "csv", "parquet"]
TRAIL: Final = "/api/v1/audit-trail"


def export(
    to: Annotated[Path, typer.Argument(metavar="FOLDER|FILE", help="Where to.", show_default=False)],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Entries as one file; else the log's own files.", show_default=False),
    ] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Type.", show_default=False)] = None,
    resource: Annotated[str | None, typer.Option(help="type/id.", show_default=False)] = None,
    actor: ByOption = None,
    not_before: FromOption = None,
    before: ToOption = None,
    of: Annotated[
        str | None, typer.Option("--of", help="Another tenant, with audit:all.", show_default=False)
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Writes the log into a folder, or with --format entries into a file, its checkpoint beside it."""
    filters = {
        "type": event_type,
        "resource": resource,
        "actor": actor,
        "from": not_before,
        "to": before,
        "tenant": of,
    }
    query = {name: value for name, value in filters.items() if value is not None}
    if form is None:
        if query:
            raise typer.BadParameter("filters need --format: the log's own files are whole or nothing")
        hand_over("export", [str(to)])
    size = run(_exported(to, {**query, "format": str(form)}, tenant), "exporting")
    people().print(f"{to} is written, and {_note_of(to)}: proofs under the checkpoint of {size:,} entries")


async def _exported(to: Path, query: dict[str, str], tenant: str | None) -> int:
    """The size of the checkpoint. The file has its name once it is whole."""
    waiting = to.with_name(f"{to.name}.part")
    async with reading(settings(), tenant) as api:
        with waiting.open("wb") as file:
            headers = await api.download(f"{TRAIL}/export", query, file.write)
        size = int(headers["audit-checkpoint-size"])
        above = {"cursor": str(size + 1), "limit": "1"}
        (checkpoint,) = (await api.get(f"{TRAIL}/checkpoints", above))["items"]
    _note_of(to).write_text(_note(checkpoint, size))
    waiting.replace(to)
    return size


def _note(checkpoint: Json, size: int) -> str:
    if checkpoint["size"] != size:
        raise typer.BadParameter(f"the checkpoint of size {size} is gone")
    return str(checkpoint["note"])


def _note_of(to: Path) -> Path:
    return to.with_name(f"{to.name}.checkpoint")
