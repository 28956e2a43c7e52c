"""Recorded decisions decided again with another version, against the live path of the same run.

Ours is what the replay process does for an activation: reading the events in pages, reading the decisions
out of them, deciding in an OPA of its own, comparing, and the verdict on determinism. The reference is the
whole path's rate, live decisions a second on the same machine.
"""

from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import asyncpg
import orjson

import bench.recorded as recorded
from agents.replay.ports import Asked
from agents.replay.postgres import PostgresDecisions
from bench.baseline import Say
from bench.figures import Figure, Part, Target, expect
from bench.policies import EXAMPLE
from bench.postgres import as_login, database
from bench.recorded import NOW, POLICY_ID, TENANT, Decided
from bench.settings import INPUT_BYTES, ROOT, Sizes
from bench.system import Addresses
from devstack import Stack
from projections.migrations import runner
from projections.migrations.__main__ import LOGINS
from rego.findings import Accepted
from rego.loaded import loaded_package
from rego.replay.comparing import Comparison
from rego.replay.opa import Replayed, replay_opa
from rego.replay.running import PIECE, replay
from rego.submission import Checker
from schemas.models import ReplayReport

MUST: Final = Target("ratio", "least", 5)
GOAL: Final = Target("ours", "least", 40_000)
"""20,000 a second and core; the machine has two."""

STRICTER: Final = ("0.8", "0.9")
"""What the candidate changes in the example: the score that it wants."""


async def measure(addresses: Addresses, stack: Stack, live: float, sizes: Sizes, say: Say) -> Part:
    """The figure, in a database of its own on the primary server; ``live`` is the whole path's rate.

    Raises the errors of :mod:`bench.errors`.
    """
    passwords = stack.environment("migrations")
    logins = {role: passwords[variable] for role, variable in LOGINS.items()}
    binary = stack.environment("worker")["AUMOS_GOVERNANCE_OPA_BINARY"]
    async with database(addresses.primary, "bench_replay") as dsn:
        await runner.migrate(dsn, Path(runner.__file__).parent, logins)
        expected = await _fill(dsn, binary, sizes.recorded)
        say(f"{sizes.recorded:,} recorded decisions are there")
        source = PostgresDecisions(as_login(dsn, "gov_replay", logins["gov_replay"]))
        try:
            rates = [await _once(source, binary, expected, sizes.recorded, say) for _ in range(3)]
        finally:
            await source.close()
    return Part((_figure(rates, live, sizes),))


async def _fill(dsn: str, binary: str, count: int) -> int:
    """Stores decisions that version 1 made; how many version 2 makes otherwise."""
    source = (ROOT / "rego" / "examples" / EXAMPLE).read_text(encoding="utf-8")
    checker = Checker(binary)
    versions = []
    for number, text in enumerate((source, source.replace(*STRICTER)), 1):
        accepted = await checker.check(TENANT, POLICY_ID, number, text)
        expect(isinstance(accepted, Accepted), f"the example is refused: {accepted}")
        assert isinstance(accepted, Accepted)
        versions.append(accepted.loaded)
    given = recorded.inputs(count)
    answers: list[object] = []
    first = Replayed(versions[0], loaded_package(TENANT, POLICY_ID, 1))
    async with replay_opa(binary, {"first": first}) as opa:
        for start in range(0, count, PIECE):
            answers += await opa.answers("first", [each[1] for each in given[start : start + PIECE]])
    decided = []
    for (resource, document), answer in zip(given, answers, strict=True):
        assert isinstance(answer, dict)
        decided.append(Decided(resource, document, answer))
    connection = await asyncpg.connect(dsn)
    try:
        await recorded.store(connection, versions, decided)
    finally:
        await connection.close()
    return sum(_flips(each[1]) for each in given)


def _flips(document: bytes) -> bool:
    """Whether the stricter version denies what the example allows, by the example's own words."""
    model = orjson.loads(document)["model"]
    before, after = map(float, STRICTER)
    reported = model["risk_level"] == "high" and model["has_explainability_report"]
    return bool(reported and before <= model["explainability_score"] < after)


async def _once(source: PostgresDecisions, binary: str, expected: int, count: int, say: Say) -> float:
    """Decisions a second of one replay."""
    asked = Asked(TENANT, POLICY_ID, 2, "bench", 3650, NOW)
    began = perf_counter()
    versions = await source.versions(asked)
    comparison = Comparison(samples=20)
    pages = source.cases(asked, comparison)
    report = await replay(binary, versions.candidate, versions.deciding, pages, comparison)
    rate = count / (perf_counter() - began)
    _verify(report, expected, count)
    say(f"{rate:,.0f} decisions/s, {report.flipped:,} of {report.decisions:,} change")
    return rate


def _verify(report: ReplayReport, expected: int, count: int) -> None:
    """Every decision was compared, and exactly those change that must."""
    expect(report.decisions == count, f"{report.decisions} of {count} decisions were compared")
    flips = {(flip.before, flip.after): flip.count for flip in report.flips}
    expect(flips == {("allow", "deny"): expected}, f"{flips} change, {expected} must")
    expect(report.same == count - expected, f"{report.same} are the same")
    expect(report.deterministic is True and not report.not_reproduced, f"not the same: {report.differing}")
    expect(report.reproduced > 0, "no recorded answer was made again")


def _figure(rates: list[float], live: float, sizes: Sizes) -> Figure:
    return Figure(
        name="replay",
        ours=median(rates),
        reference=live,
        unit="decisions/s",
        must=MUST,
        goal=GOAL,
        verified=True,
        conditions=(
            f"{sizes.recorded:,} recorded decisions of one policy, {INPUT_BYTES}-byte inputs, median of "
            f"{len(rates)} replays between {min(rates):,.0f} and {max(rates):,.0f}/s, from the first page "
            "read to the verdict, one OPA of its own. Reference: the whole path, live decisions"
        ),
    )
