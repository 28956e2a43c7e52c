"""While hostile modules are checked, another tenant's evaluations are decided by their policy."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import pytest

from client.errors import Rejected
from client.governance import GovernanceClient
from client.outcome import Verdict
from devstack.demo.servers import Servers
from schemas.models import CreatePolicy
from tests.system.acting import active
from tests.system.example import GATE_SOURCE

LISTS: Final = "; ".join(f"some x{n} in input.all" for n in range(9))

HOSTILE: Final = {
    "deep nesting": ("x := " + "[" * 30_000 + "]" * 30_000, {"too_deep"}),
    "wide nesting": ("\n".join(f"x{n} := {'[' * 49}1{']' * 49}" for n in range(1_100)), {"resource_limit"}),
    "a literal of references": (
        "x := [" + ",".join(["data.other.x"] * 9_000) + "]",
        {"foreign_data", "resource_limit"},
    ),
    "a sum of a thousand screens": ("x := " + "+".join("1" * 60_000), {"resource_limit"}),
    "an exponential comprehension": (
        f"allow := false if count([1 | {LISTS}]) < 0",
        {"too_slow", "resource_limit"},
    ),
}
"""Lines of a module, and what may be found in it."""

LONG_S: Final = 1.0
"""A check that takes longer would be felt if anybody waited for it."""

ROUNDS: Final = 2
"""Each module comes so often, all at once: more than are checked at the same time."""


@dataclass(frozen=True, slots=True)
class Span:
    """When something was under way, by the monotonic clock."""

    start: float
    end: float


async def refused(gov: GovernanceClient, name: str, lines: str, rules: set[str]) -> Span:
    """Submits a module that must be refused for one of the rules; when that was."""
    source = f"package a\n\ndefault allow := true\n\n{lines}\n"
    start = time.monotonic()
    with pytest.raises(Rejected) as rejected:
        await gov.submit(CreatePolicy(name=name, rego_content=source), timeout=180)
    end, findings = time.monotonic(), rejected.value.findings
    assert rejected.value.reason == "invalid_rego"
    unchecked = findings[0].message.startswith("not checked: 2 submissions that came with it")
    assert unchecked or {each.rule for each in findings} <= rules, (name, findings)
    assert all(each.message and each.hint for each in findings)
    return Span(start, end)


async def asked_until(done: asyncio.Event, gov: GovernanceClient) -> list[tuple[Span, Verdict]]:
    """Asks one thing after the other until ``done``."""
    asked: list[tuple[Span, Verdict]] = []
    while not done.is_set():
        start = time.monotonic()
        verdict = await gov.evaluate("gate", {"ok": len(asked) % 2 == 0}, timeout=60)
        asked.append((Span(start, time.monotonic()), verdict))
    return asked


async def test_nobody_waits_for_the_check_of_a_hostile_module(
    gov: GovernanceClient, servers: Servers, tenant: str
) -> None:
    other, done = f"{tenant}-other", asyncio.Event()
    async with (
        servers.reading(other) as reader,
        GovernanceClient.connect(servers.kafka, other, "svc-mlops", outcomes=reader) as neighbour,
    ):
        await active(neighbour, reader, CreatePolicy(name="gate", rego_content=GATE_SOURCE))
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(asked_until(done, neighbour))
            checks = [
                refused(gov, f"{name} {number}", lines, rules)
                for number in range(ROUNDS)
                for name, (lines, rules) in HOSTILE.items()
            ]
            checked = await asyncio.gather(*checks)
            done.set()
    asked = asking.result()
    assert [verdict.allowed for _, verdict in asked] == [n % 2 == 0 for n in range(len(asked))]
    assert {verdict.basis for _, verdict in asked} == {"policy"}, "none by its fail mode"
    long = [span for span in checked if span.end - span.start > LONG_S]
    assert long, "no check took long enough to be felt"
    for span in long:
        meanwhile = sum(span.start < each.start and each.end < span.end for each, _ in asked)
        assert meanwhile >= 5 * (span.end - span.start), (meanwhile, span.end - span.start)
    slowest = max(each.end - each.start for each, _ in asked)
    whole = max(span.end for span in checked) - min(span.start for span in checked)
    assert slowest < whole / 3
