"""``governance policy simulate``: where another version would decide otherwise; nothing is stored."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import orjson
import typer

from client.api import ReadApi
from client.cli.calling import TenantOption, counting, reading, run
from client.cli.checking import EntryOption, OpaOption, opa_program
from client.cli.output import Exit, JsonOption, people, print_json, print_table
from client.cli.policy_files import collect
from client.cli.settings import settings
from client.errors import InvalidCommand, Rejected, Unreachable
from rego import CheckUnavailable
from rego.findings import Refused
from rego.loaded import loaded_package
from rego.replay.comparing import Case, Comparison
from rego.replay.memory import one_page
from rego.replay.opa import Replayed, TooSlow, replay_opa
from rego.replay.recorded import Cases
from rego.replay.running import replay
from rego.source import Language, PolicySource
from rego.submission import Checker
from schemas.models import ReplayReport
from schemas.recorded import RecordedDecision

RECORDED: Final = 200
"""Decisions that are tried where nothing else is said."""

SHOWN: Final = 20
"""Differences that people are shown; programs get as many as they ask for."""

PACKAGE: Final = "simulated"

REPLAY_COLUMNS: Final = (
    "version",
    "outcome",
    "decisions",
    "changed answers",
    "budget",
    "asked by",
    "at",
    "reason",
    "overridden",
)


@dataclass(frozen=True, slots=True)
class Range:
    """Which recorded decisions; None does not narrow."""

    newest: int | None
    since: str | None
    until: str | None

    def query(self) -> dict[str, str]:
        """As the read API takes it."""
        given = {"from": self.since, "to": self.until}
        if self.newest is not None:
            given["limit"] = str(min(self.newest, PAGE))
        return {name: value for name, value in given.items() if value is not None}


PAGE: Final = 2_000
"""Recorded decisions read at once: as many as a page may have."""


def simulate(
    policy: Annotated[str, typer.Argument(help="Name or id of the policy.")],
    candidate: Annotated[
        str | None,
        typer.Argument(help="A module, folder, zip or OPA bundle to try.", show_default=False),
    ] = None,
    entry: EntryOption = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="A stored version to try instead.", show_default=False)
    ] = None,
    recorded: Annotated[
        int | None, typer.Option(min=1, help="Newest decisions to try it on; else 200.", show_default=False)
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="All decisions not before, RFC 3339.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="All decisions before, RFC 3339.", show_default=False)
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(exists=True, help="A JSON document a line, instead of decisions.")
    ] = None,
    samples: Annotated[int, typer.Option(min=0, max=100_000, help="Differences to return at most.")] = 1_000,
    max_flips: Annotated[
        int | None, typer.Option(min=0, help="More changed answers exit with 1.", show_default=False)
    ] = None,
    opa: OpaOption = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decides recorded inputs again and shows what would change; nothing is stored and nobody is asked."""
    if (candidate is None) == (version is None):
        raise InvalidCommand("name either a file to try or a --version")
    if inputs is not None and (recorded or since or until):
        raise InvalidCommand("--inputs takes the place of recorded decisions")
    newest = RECORDED if recorded is None and since is None and until is None else recorded
    found = settings()

    async def work() -> ReplayReport:
        path = f"/api/v1/policies/{quote(policy, safe='')}"
        binary = opa_program(opa)
        checker = Checker(binary)
        async with reading(found, tenant) as api, counting(None, "deciding again") as done:
            shown = await api.get(path)
            stored = await _versions(api, path, shown)
            given = collect(candidate, entry, _language(shown)).source if candidate else None
            source = given or _source(stored, version, policy)
            tried = await _loaded(checker, source, "candidate")
            active = shown["active_version"]
            deciding = None if active is None else await _loaded(checker, stored[active], "deciding")
            comparison = Comparison(samples)
            if inputs is not None:
                if deciding is None:
                    raise InvalidCommand(f"{shown['name']} has no active version to compare with")
                pages = one_page(await _decided(_documents(inputs), binary, deciding))
                return await replay(binary, tried, None, pages, comparison, done)
            pages = _recorded(api, path, Range(newest, since, until), comparison)
            known = None if deciding is None else (int(active), deciding)
            return await replay(binary, tried, known, pages, comparison, done)

    try:
        report = run(work(), "simulating")
    except CheckUnavailable as error:
        raise Unreachable(str(error)) from error
    except TooSlow as error:
        raise Rejected("too_slow", str(error), (), "", "") from error
    if as_json:
        print_json(report.model_dump())
    else:
        _show(report)
    if max_flips is not None and report.flipped > max_flips:
        raise typer.Exit(Exit.FAILED)


async def _versions(api: ReadApi, path: str, policy: Mapping[str, Any]) -> dict[int, PolicySource]:
    """The sources of all versions."""
    newest = {version["version"]: _of(version, policy) for version in policy["versions"]}
    if len(newest) == policy["newest_version"]:
        return newest
    older = api.items(f"{path}/versions", {}, policy["newest_version"])
    return {version["version"]: _of(version, policy) async for version in older}


def _of(version: Mapping[str, Any], policy: Mapping[str, Any]) -> PolicySource:
    """A version as it was submitted."""
    files = tuple((file["path"], file["content"]) for file in version["files"])
    return PolicySource(version["rego_content"], files, _language(policy))


def _language(policy: Mapping[str, Any]) -> Language:
    return "v0" if policy["policy_type"] == "rego_v0" else "v1"


def _source(stored: Mapping[int, PolicySource], version: int | None, policy: str) -> PolicySource:
    if version is None or version not in stored:
        raise InvalidCommand(f"{policy} has no version {version}")
    return stored[version]


async def _loaded(checker: Checker, source: PolicySource, name: str) -> Replayed:
    accepted = await checker.check(PACKAGE, name, 1, source)
    if isinstance(accepted, Refused):
        first = accepted.findings[0]
        raise InvalidCommand(
            f"a submission would be refused: {first.row}:{first.column}: {first.rule}: {first.message}"
        )
    return Replayed(accepted.loaded, loaded_package(PACKAGE, name, 1))


def _documents(file: Path) -> dict[str, bytes]:
    """The inputs of a file, by the names of their lines."""
    documents: dict[str, bytes] = {}
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InvalidCommand(f"{file}:{number}: {error}") from error
        documents[f"line {number}"] = line
    return documents


async def _decided(documents: Mapping[str, bytes], binary: str, deciding: Replayed) -> list[Case]:
    """Inputs with what the version that decides now says on them."""
    async with replay_opa(binary, {"deciding": deciding}) as opa:
        answers = await opa.answers("deciding", list(documents.values()))
    cases = zip(documents.items(), answers, strict=True)
    return [Case(name, "", document, answer, None) for (name, document), answer in cases]


async def _recorded(
    api: ReadApi, path: str, which: Range, comparison: Comparison
) -> AsyncIterator[Sequence[Case]]:
    made, left = Cases(comparison), which.newest
    async for lines in api.lines(f"{path}/decisions/inputs", which.query()):
        wanted = lines if left is None else lines[:left]
        found = [made.of(_decision(orjson.loads(line))) for line in wanted]
        yield [case for case in found if case is not None]
        if left is not None and (left := left - len(lines)) <= 0:
            return


def _decision(line: dict[str, Any]) -> RecordedDecision:
    result, given = line["result"], line["input"]
    return RecordedDecision(
        line["decision_id"],
        line["resource"],
        line["version"],
        line["error"],
        None if result is None else orjson.dumps(result),
        None if given is None else orjson.dumps(given),
    )


def _show(report: ReplayReport) -> None:
    rows = [
        (each.case, each.resource, f"{each.before} → {each.after}", "; ".join(each.after_reasons))
        for each in report.samples[:SHOWN]
    ]
    if rows:
        print_table("Differences", ("case", "resource", "answer", "reasons afterwards"), rows)
    if report.resources:
        changed = [(each.resource, each.flips) for each in report.resources if each.resource]
        print_table("\nBy resource", ("resource", "changed answers"), changed)
    for sentence in sentences(report):
        people().print(sentence, markup=False)


def replay_cells(replay: Mapping[str, Any]) -> tuple[object, ...]:
    """One replay that an activation waited for, as a row of :data:`REPLAY_COLUMNS`."""
    report = replay["report"]
    flips = "" if report is None else sum(flip["count"] for flip in report["flips"])
    override = f"{replay['override_reason']} ({replay['overridden_by']})" if replay["overridden_by"] else ""
    return (
        replay["version"],
        replay["outcome"],
        "" if report is None else report["decisions"],
        flips,
        replay["flip_budget"],
        replay["requested_by"],
        replay["requested_at"],
        replay["reason"],
        override,
    )


def sentences(report: ReplayReport) -> list[str]:
    """A report in words."""
    flips = ", ".join(f"{flip.count} {flip.before} to {flip.after}" for flip in report.flips)
    compared = f"{report.decisions} inputs, {report.same} decided the same"
    said = [f"{compared}; {flips or 'no answer changes'}; {report.other_reasons} with other reasons"]
    if report.left_out:
        said.append(f"{report.left_out} decisions did not keep their whole input: left out")
    if report.unanswered:
        said.append(f"{report.unanswered} decisions were not the policy's own (outage, deadline): left out")
    if report.deterministic is not None:
        verdict = "the same both times" if report.deterministic else "NOT the same both times"
        said.append(f"{report.repeated} inputs decided twice: {verdict}")
    if report.reproduced or report.not_reproduced:
        total = report.reproduced + report.not_reproduced
        said.append(
            f"{report.reproduced} of {total} recorded answers of the deciding version were made again"
        )
    return said + report.differing
