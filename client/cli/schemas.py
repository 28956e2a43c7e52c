"""``governance schemas check|release|asyncapi|events``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Protocol

import typer

from client.cli.output import Exit, JsonOption, people, print_json
from schemas import asyncapi as document
from schemas import event_catalogue as catalogue
from schemas.avro import SchemaSet, released
from schemas.releases import problems
from schemas.releases import release as add_to_register
from schemas.topics import Topics, topics

app = typer.Typer(no_args_is_help=True, help="Checks and releases the Avro schemas.")


@app.command()
def check(as_json: JsonOption = False) -> None:
    """Checks that released files are unchanged and that every version keeps its topic's compatibility."""
    found = problems(topics())
    if as_json:
        print_json({"problems": [asdict(problem) for problem in found]})
    else:
        for problem in found:
            people().print(str(problem), markup=False)
        count = sum(len(versions) for versions in released().versions.values())
        people().print(f"{len(found)} problem(s)" if found else f"{count} schemas keep every promise")
    if found:
        raise typer.Exit(Exit.FAILED)


@app.command()
def release(as_json: JsonOption = False) -> None:
    """Adds new schema files to released.json; from then on they never change."""
    added = add_to_register()
    if as_json:
        print_json({"released": added})
        return
    for file in added:
        people().print(f"released  {file}", markup=False)
    people().print(f"{len(added)} file(s) released")


OnlyCheckOption = Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 where it differs.")]


@app.command()
def asyncapi(only_check: OnlyCheckOption = False, as_json: JsonOption = False) -> None:
    """Writes asyncapi.yaml from topics.yaml and the schemas."""
    _generate(document, only_check, as_json)


@app.command()
def events(only_check: OnlyCheckOption = False, as_json: JsonOption = False) -> None:
    """Writes docs/events.md, the event catalogue, from topics.yaml and the schemas."""
    _generate(catalogue, only_check, as_json)


class _Generated(Protocol):
    """A module that makes a file from topics and schemas."""

    @property
    def FILE(self) -> Path: ...  # noqa: N802 - a module's constant

    def render(self, topics: Topics, schemas: SchemaSet) -> str: ...

    def write(self, topics: Topics, schemas: SchemaSet) -> bool: ...


def _generate(made: _Generated, only_check: bool, as_json: bool) -> None:
    if only_check:
        text = made.FILE.read_text(encoding="utf-8") if made.FILE.exists() else ""
        differs = text != made.render(topics(), released())
    else:
        differs = made.write(topics(), released())
    if as_json:
        print_json({"file": str(made.FILE), "differs" if only_check else "written": differs})
    else:
        outcome = ("differs" if differs else "is up to date") if only_check else "is written"
        people().print(f"{made.FILE.name} {outcome}", markup=False)
    if only_check and differs:
        raise typer.Exit(Exit.FAILED)
