"""``governance policy validate|test``: the engine's own checks on files, without storing anything."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import devstack
from client.cli.calling import run
from client.cli.output import Exit, JsonOption, aside, people, print_json
from client.cli.settings import settings
from client.errors import InvalidCommand, Unreachable
from rego import CheckUnavailable
from rego.binary import BinaryLimits, OutOfBounds
from rego.findings import Accepted, Finding, Refused
from rego.submission import Checker
from rego.testing import NotTestable, Tested, run_tests
from schemas.identity import policy_id

TEST_LIMITS = BinaryLimits(cpu_s=30, wall_s=60)
"""One's own tests on one's own machine may take longer than a submission."""

FilesArgument = Annotated[
    list[Path], typer.Argument(exists=True, readable=True, help="Rego files; folders for test.")
]
OpaOption = Annotated[
    str | None,
    typer.Option(
        "--opa",
        envvar="AUMOS_GOVERNANCE_OPA_BINARY",
        help="The OPA program; else the embedded stack's.",
    ),
]


def validate(files: FilesArgument, opa: OpaOption = None, as_json: JsonOption = False) -> None:
    """Checks modules as a submission would; exits 1 where one would be refused."""
    checker = Checker(opa_program(opa))

    async def check() -> list[tuple[Path, Accepted | Refused]]:
        return [(file, await checker.check("local", _id(file), 1, _read(file))) for file in files]

    try:
        found = run(check(), "checking")
    except CheckUnavailable as error:
        raise Unreachable(str(error)) from error
    if as_json:
        print_json([_document(file, result) for file, result in found])
    for file, result in found if not as_json else ():
        for finding in result.findings if isinstance(result, Refused) else result.warnings:
            people().print(_line(file, finding), markup=False, highlight=False)
        if isinstance(result, Accepted):
            people().print(
                f"{file}: would be accepted, package {result.package}", markup=False, highlight=False
            )
    if any(isinstance(result, Refused) for _, result in found):
        raise typer.Exit(Exit.FAILED)


def run_policy_tests(
    files: FilesArgument,
    threshold: Annotated[float, typer.Option(min=0, max=100, help="Least coverage, in percent.")] = 0,
    opa: OpaOption = None,
    as_json: JsonOption = False,
) -> None:
    """Runs the Rego tests of files and folders; exits 1 where one fails or too little is covered."""
    try:
        paths = [str(file.resolve()) for file in files]
        tested = run(run_tests(opa_program(opa), paths, TEST_LIMITS), "testing")
    except NotTestable as error:
        raise InvalidCommand(str(error)) from error
    except (CheckUnavailable, OutOfBounds) as error:
        raise Unreachable(str(error)) from error
    enough = tested.coverage is not None and tested.coverage >= threshold
    if as_json:
        print_json(asdict(tested))
    else:
        _show(tested, threshold)
    if not tested.results or not enough:
        raise typer.Exit(Exit.FAILED)


def _show(tested: Tested, threshold: float) -> None:
    if not tested.results:
        aside().print("no test was found: their names begin with test_", style="yellow")
    for each in tested.failed:
        people().print(f"{each.file}:{each.row}: {each.name} failed", markup=False, highlight=False)
    passed = sum(each.passed for each in tested.results)
    skipped = sum(each.skipped for each in tested.results)
    text = f"{passed} of {len(tested.results)} tests passed" + (f", {skipped} skipped" if skipped else "")
    if tested.coverage is not None:
        text += f", {tested.coverage:g} % covered"
        if tested.coverage < threshold:
            text += f", {threshold:g} % are asked for"
    people().print(text, highlight=False)
    for file, rows in tested.uncovered.items():
        people().print(f"{file}: never ran: {', '.join(map(str, rows))}", markup=False, highlight=False)


def _document(file: Path, result: Accepted | Refused) -> dict[str, object]:
    if isinstance(result, Refused):
        return {"file": str(file), "accepted": False, "findings": [asdict(each) for each in result.findings]}
    return {
        "file": str(file),
        "accepted": True,
        "package": result.package,
        "findings": [asdict(each) for each in result.warnings],
    }


def _line(file: Path, finding: Finding) -> str:
    hint = f" ({finding.hint})" if finding.hint else ""
    return f"{file}:{finding.row}:{finding.column}: {finding.rule}: {finding.message}{hint}"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise InvalidCommand(f"{file}: {error}") from error


def _id(file: Path) -> str:
    return policy_id("local", file.stem)


def opa_program(given: str | None) -> str:
    """The OPA program to use: the one named, the embedded stack's, or the one on PATH."""
    if given or not settings().embedded:
        return given or "opa"
    return devstack.environment("worker")["AUMOS_GOVERNANCE_OPA_BINARY"]
