"""``governance regulations list|show|new|check``: the folders of this checkout; no server is asked."""

from pathlib import Path
from typing import Annotated

import typer

from client.cli.output import Exit, JsonOption, people, print_fields, print_json, print_table
from client.errors import InvalidCommand
from regulations import RegulationsInvalid, ScaffoldRefused
from regulations import loader as library
from regulations import scaffold as scaffolding
from regulations.automation import Coverage, automated, automation
from regulations.loader import Library
from regulations.model import Regulation
from regulations.problems import Problem

app = typer.Typer(no_args_is_help=True, help="The regulations that workflows assess.")

CodeArgument = Annotated[str, typer.Argument(help="Code of the regulation.")]
FolderOption = Annotated[
    Path, typer.Option(help="Where the regulations are, a folder each.", show_default=False)
]


@app.command("list")
def list_regulations(folder: FolderOption = library.FOLDER, as_json: JsonOption = False) -> None:
    """Lists the regulations, with how much of each a machine assesses."""
    found = _library(folder)
    rows = [_summary(each, found) for each in found.regulations.values()]
    if as_json:
        print_json(rows)
        return
    columns = ("code", "name", "scope", "edition", "controls", "available", "planned")
    print_table("Regulations", columns, [[row[column] for column in columns] for row in rows])


@app.command()
def show(code: CodeArgument, folder: FolderOption = library.FOLDER, as_json: JsonOption = False) -> None:
    """Shows one regulation with its controls and how each is assessed."""
    found = _library(folder)
    regulation = found.regulations.get(code)
    if regulation is None:
        raise InvalidCommand(f"there is no regulation {code}; known: {', '.join(found.regulations)}")
    status = automated(regulation, found.hub)
    controls = [
        {
            "control_id": control.id,
            "title": control.title,
            "kind": control.kind,
            "automation": status[control.id].value,
            "technical_controls": [each.technical_control for each in regulation.mappings_of(control.id)],
        }
        for control in regulation.rows
    ]
    fields = {
        **_summary(regulation, found),
        "version": regulation.version,
        "licence": regulation.licence,
        "period_months": regulation.period.default_months,
        "selectors": {name: list(each.values) for name, each in regulation.selectors.items()},
    }
    if as_json:
        print_json({**fields, "items": controls})
        return
    print_fields(fields)
    rows = [[*list(each.values())[:4], " ".join(each["technical_controls"])] for each in controls]
    print_table("\nControls", ("id", "title", "kind", "automation", "technical controls"), rows)


@app.command()
def new(code: CodeArgument, folder: FolderOption = library.FOLDER, as_json: JsonOption = False) -> None:
    """Makes the folder of a new regulation, valid from the start."""
    try:
        place = scaffolding.scaffold(code, folder)
    except ScaffoldRefused as error:
        raise InvalidCommand(str(error)) from error
    files = sorted(file.name for file in place.iterdir())
    if as_json:
        print_json({"folder": str(place), "files": files})
    else:
        people().print(f"{place}: {', '.join(files)}", markup=False)


@app.command()
def check(
    code: Annotated[str | None, typer.Argument(help="Code; else every regulation.")] = None,
    folder: FolderOption = library.FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Checks folders and reports every problem by file and line; exits 1 where there is one."""
    if code is not None and not (folder / code).is_dir():
        raise InvalidCommand(f"{folder / code} is no folder")
    problems = _problems(folder) if code is None else library.check(folder / code)
    if as_json:
        print_json(
            {
                "problems": [
                    {"file": p.file, "line": p.line, "kind": p.kind, "message": p.message} for p in problems
                ]
            }
        )
    else:
        for problem in problems:
            people().print(str(problem), markup=False)
        people().print(
            f"{len(problems)} problem(s)" if problems else f"{code or 'every regulation'} is sound"
        )
    if problems:
        raise typer.Exit(Exit.FAILED)


def _problems(folder: Path) -> list[Problem]:
    try:
        library.load_library(folder)
    except RegulationsInvalid as error:
        return list(error.problems)
    return []


def _library(folder: Path) -> Library:
    try:
        return library.load_library(folder)
    except RegulationsInvalid as error:
        raise InvalidCommand(f"the regulations have problems:\n{error}") from error


def _summary(regulation: Regulation, found: Library) -> dict[str, object]:
    answers = automation(regulation, found.hub)
    return {
        "code": regulation.code,
        "name": regulation.name,
        "scope": regulation.scope,
        "edition": regulation.edition,
        "controls": len(regulation.rows),
        "available": _level(answers.available),
        "planned": _level(answers.planned),
    }


def _level(coverage: Coverage) -> str:
    return f"{coverage.level.value} ({len(coverage.covered)}/{coverage.total})"
