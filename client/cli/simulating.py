"""``governance policy simulate``: where a candidate would decide otherwise; nothing is stored."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import orjson
import typer

from client.api import ReadApi
from client.cli.calling import TenantOption, reading, run
from client.cli.checking import OpaOption, opa_program
from client.cli.output import Exit, JsonOption, aside, people, print_json, print_table
from client.cli.settings import settings
from client.errors import InvalidCommand, Unreachable
from rego import CheckUnavailable
from rego.binary import BinaryLimits
from rego.findings import Refused
from rego.rewrite import loaded_package
from rego.simulation import Judged, Simulation
from rego.submission import Checker

LIMITS: Final = BinaryLimits(cpu_s=60, wall_s=120)
AT_ONCE: Final = 8
"""Recorded decisions read at the same time."""
SHOWN: Final = 20
"""Differences that people are shown; programs get all."""


@dataclass(frozen=True, slots=True)
class Case:
    """An input and what was decided on it."""

    name: str
    """Id of the decision, or line of the file."""
    resource: str
    document: bytes
    recorded: Judged | None
    """None for inputs that nobody decided on."""


def simulate(
    policy: Annotated[str, typer.Argument(help="Name or id of the policy.")],
    candidate: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Rego source to try.")],
    recorded: Annotated[int, typer.Option(min=1, max=10_000, help="Newest decisions to try it on.")] = 200,
    inputs: Annotated[
        Path | None, typer.Option(exists=True, help="A JSON document a line, instead of decisions.")
    ] = None,
    max_flips: Annotated[
        int | None, typer.Option(min=0, help="More changed outcomes exit with 1.", show_default=False)
    ] = None,
    opa: OpaOption = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tries a candidate and shows where it would decide otherwise; nothing is stored and nobody is asked."""
    found = settings()

    async def work() -> dict[str, Any]:
        path = f"/api/v1/policies/{quote(policy, safe='')}"
        async with reading(found, tenant) as api:
            cases = _from_file(inputs) if inputs else await _from_decisions(api, policy, recorded)
            shown = await api.get(path)
        checker = Checker(opa_program(opa))
        documents = [case.document for case in cases]
        after = await _judged(checker, opa, candidate.read_text(encoding="utf-8"), documents)
        if inputs:
            before = await _judged(checker, opa, _active_source(shown), documents)
        else:
            before = [case.recorded for case in cases if case.recorded]
        return _report(cases, before, after)

    try:
        report = run(work(), "simulating")
    except CheckUnavailable as error:
        raise Unreachable(str(error)) from error
    if as_json:
        print_json(report)
    else:
        _show(report)
    if max_flips is not None and sum(report["flips"].values()) > max_flips:
        raise typer.Exit(Exit.FAILED)


def _from_file(file: Path) -> list[Case]:
    lines = [line for line in file.read_bytes().splitlines() if line.strip()]
    for number, line in enumerate(lines, 1):
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InvalidCommand(f"{file}:{number}: {error}") from error
    return [Case(f"line {number}", "", line, None) for number, line in enumerate(lines, 1)]


async def _from_decisions(api: ReadApi, policy: str, count: int) -> list[Case]:
    """The newest decisions that kept their whole input."""
    listed = [item async for item in api.items("/api/v1/decisions", {"policy": policy}, count)]
    slots = asyncio.Semaphore(AT_ONCE)

    async def read(item: dict[str, Any]) -> Case | None:
        async with slots:
            found = await api.get(f"/api/v1/decisions/{item['decision_id']}")
        if found["input_storage"] != "full" or found["masked"]:
            return None
        allow = {"allow": True, "deny": False}.get(found["answer"])
        recorded = Judged(allow, tuple(found["reasons"]))
        return Case(found["decision_id"], found["resource"], orjson.dumps(found["input"]), recorded)

    cases = [case for case in await asyncio.gather(*map(read, listed)) if case]
    if left_out := len(listed) - len(cases):
        aside().print(f"{left_out} decisions did not keep their whole input: left out", style="yellow")
    return cases


def _active_source(policy: dict[str, Any]) -> str:
    for version in policy["versions"]:
        if version["version"] == policy["active_version"]:
            return str(version["rego_content"])
    raise InvalidCommand(f"{policy['name']} has no active version to compare with")


async def _judged(checker: Checker, opa: str | None, source: str, documents: Sequence[bytes]) -> list[Judged]:
    accepted = await checker.check("local", "candidate", 1, source)
    if isinstance(accepted, Refused):
        first = accepted.findings[0]
        raise InvalidCommand(
            f"a submission would be refused: {first.row}:{first.column}: {first.rule}: {first.message}"
        )
    package = loaded_package("local", "candidate", 1)
    return await Simulation(opa_program(opa), accepted.module, package, LIMITS).judge(documents)


def _report(cases: Sequence[Case], before: Sequence[Judged], after: Sequence[Judged]) -> dict[str, Any]:
    flips: Counter[str] = Counter()
    differences = []
    for case, old, new in zip(cases, before, after, strict=True):
        if old.allow == new.allow and sorted(old.reasons) == sorted(new.reasons):
            continue
        if old.allow != new.allow:
            flips[f"{_word(old)} to {_word(new)}"] += 1
        differences.append(
            {
                "case": case.name,
                "resource": case.resource,
                "before": {"outcome": _word(old), "reasons": list(old.reasons)},
                "after": {"outcome": _word(new), "reasons": list(new.reasons)},
            }
        )
    return {
        "inputs": len(cases),
        "same": len(cases) - len(differences),
        "flips": dict(flips),
        "other_reasons": len(differences) - flips.total(),
        "differences": differences,
    }


def _word(judged: Judged) -> str:
    return {True: "allow", False: "deny", None: "no answer"}[judged.allow]


def _show(report: dict[str, Any]) -> None:
    differences = report["differences"]
    rows = [
        (
            each["case"],
            each["resource"],
            f"{each['before']['outcome']} → {each['after']['outcome']}",
            "; ".join(each["after"]["reasons"]),
        )
        for each in differences[:SHOWN]
    ]
    if rows:
        print_table("Differences", ("case", "resource", "outcome", "reasons of the candidate"), rows)
    flips = ", ".join(f"{number} {name}" for name, number in report["flips"].items()) or "no outcome changes"
    people().print(
        f"{report['inputs']} inputs, {report['same']} decided the same; {flips}; "
        f"{report['other_reasons']} with other reasons",
        highlight=False,
    )
