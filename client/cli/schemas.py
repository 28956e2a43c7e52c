"""``governance schemas check|release|asyncapi``."""

from dataclasses import asdict
from typing import Annotated

import typer

from client.cli.output import Exit, JsonOption, people, print_json
from schemas import asyncapi as document
from schemas.avro import released
from schemas.releases import problems
from schemas.releases import release as add_to_register
from schemas.topics import topics

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


@app.command()
def asyncapi(
    only_check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 where it differs.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Writes asyncapi.yaml from topics.yaml and the schemas."""
    if only_check:
        text = document.FILE.read_text() if document.FILE.exists() else ""
        differs = text != document.render(topics(), released())
    else:
        differs = document.write(topics(), released())
    if as_json:
        print_json({"file": str(document.FILE), "differs" if only_check else "written": differs})
    else:
        outcome = ("differs" if differs else "is up to date") if only_check else "is written"
        people().print(f"{document.FILE.name} {outcome}", markup=False)
    if only_check and differs:
        raise typer.Exit(Exit.FAILED)
