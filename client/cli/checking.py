"""``governance policy validate|test``: the engine's own checks on files, without storing anything."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import devstack
from client.cli.calling import run
from client.cli.output import Exit, JsonOption, aside, people, print_json
from client.cli.policy_files import Collected, collect
from client.cli.settings import settings
from client.errors import InvalidCommand, Unreachable
from rego import CheckUnavailable
from rego.binary import BinaryLimits, OutOfBounds
from rego.findings import Accepted, Finding, Refused, Report
from rego.opa import folder_of
from rego.source import Language
from rego.submission import Checker, Terms
from rego.testing import NotTestable, Tested, run_tests
from schemas.identity import policy_id
from schemas.policy_commands import PolicyType

TEST_LIMITS = BinaryLimits(cpu_s=30, wall_s=60)
"""One's own tests on one's own machine may take longer than a submission."""

PlacesArgument = Annotated[
    list[str], typer.Argument(help="Policies: a module, a folder, a zip or an OPA bundle each.")
]
EntryOption = Annotated[
    str | None,
    typer.Option("--entry", help="The module that decides, where several could.", show_default=False),
]
TypeOption = Annotated[
    PolicyType | None,
    typer.Option(
        "--policy-type", help="rego_v0 for version 0 of the language, which is converted.", show_default=False
    ),
]
OpaOption = Annotated[
    str | None,
    typer.Option(
        "--opa",
        envvar="AUMOS_GOVERNANCE_OPA_BINARY",
        help="The OPA program; else the embedded stack's.",
    ),
]


def validate(
    places: PlacesArgument,
    entry: EntryOption = None,
    policy_type: TypeOption = None,
    timeout_ms: Annotated[int, typer.Option(min=1, help="The evaluation deadline to keep to.")] = 200,
    minimum_coverage: Annotated[int, typer.Option(min=0, max=100, help="As the tenant asks for.")] = 0,
    opa: OpaOption = None,
    as_json: JsonOption = False,
) -> None:
    """Checks policies as a submission would, tests and cost included; exits 1 where one would be refused."""
    checker = Checker(opa_program(opa))
    policies = [(place, collect(place, entry, language_of(policy_type))) for place in places]
    terms = Terms(timeout_ms, minimum_coverage)

    async def check() -> list[tuple[str, Collected, Accepted | Refused]]:
        return [
            (place, policy, await checker.check("local", _id(place), 1, policy.source, terms))
            for place, policy in policies
        ]

    try:
        found = run(check(), "checking")
    except CheckUnavailable as error:
        raise Unreachable(str(error)) from error
    if as_json:
        print_json([_document(*each) for each in found])
    for place, policy, result in found if not as_json else ():
        for finding in result.findings if isinstance(result, Refused) else result.warnings:
            people().print(_line(place, policy, finding), markup=False, highlight=False, soft_wrap=True)
        if isinstance(result, Accepted):
            said = f"{place}: would be accepted, package {result.package}{_said(result.report)}"
            people().print(said, markup=False, highlight=False, soft_wrap=True)
    if any(isinstance(result, Refused) for *_, result in found):
        raise typer.Exit(Exit.FAILED)


def run_policy_tests(
    places: PlacesArgument,
    threshold: Annotated[float, typer.Option(min=0, max=100, help="Least coverage, in percent.")] = 0,
    opa: OpaOption = None,
    as_json: JsonOption = False,
) -> None:
    """Runs the Rego tests of files and folders; exits 1 where one fails or too little is covered."""
    try:
        with ExitStack() as unpacked:
            paths = [_path(place, unpacked) for place in places]
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


def _document(place: str, policy: Collected, result: Accepted | Refused) -> dict[str, object]:
    findings = result.findings if isinstance(result, Refused) else result.warnings
    document: dict[str, object] = {
        "file": place,
        "accepted": isinstance(result, Accepted),
        "findings": [{**asdict(each), "file": policy.path(each.file)} for each in findings],
    }
    if isinstance(result, Accepted):
        document |= {"package": result.package, "checked": asdict(result.report)}
    return document


def _line(place: str, policy: Collected, finding: Finding) -> str:
    file = f"{place}/{policy.path(finding.file)}" if policy.source.files else place
    return f"{file}:{finding.row}:{finding.column}: {finding.rule}: {finding.message} ({finding.hint})"


def _said(report: Report) -> str:
    tests = f"; {report.tests} tests passed" if report.tests else ""
    covered = f", {report.coverage:.0f} % covered" if report.coverage is not None else ""
    cost = f"; at most {report.slowest_us} µs on {report.inputs} inputs" if report.inputs else ""
    return f"{tests}{covered}{cost}"


def _path(place: str, unpacked: ExitStack) -> str:
    """A place that OPA reads by itself; archives are unpacked for it."""
    if not place.endswith((".zip", ".tar.gz", ".tgz")):
        if not Path(place).exists():
            raise InvalidCommand(f"{place} does not exist")
        return str(Path(place).resolve())
    policy = collect(place)
    files = {policy.path(path): text.encode() for path, text in policy.source.everything}
    return unpacked.enter_context(folder_of(files))


def _id(place: str) -> str:
    return policy_id("local", Path(place).stem)


def language_of(policy_type: PolicyType | None) -> Language | None:
    """The language's version that a policy's type means."""
    return None if policy_type is None else "v0" if policy_type == "rego_v0" else "v1"


def opa_program(given: str | None) -> str:
    """The OPA program to use: the one named, the embedded stack's, or the one on PATH."""
    if given or not settings().embedded:
        return given or "opa"
    return devstack.environment("worker")["AUMOS_GOVERNANCE_OPA_BINARY"]
