"""The report of a run, for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from devstack.demo.assessment_report import show_assessment
from devstack.demo.facts import Check, Facts
from devstack.demo.malformed import KINDS, Outcome
from devstack.demo.samples import Sample
from devstack.demo.tables import new_table, put
from devstack.demo.wall.postgres import STATEMENT

MAX_REASONS: Final = 3
"""Reasons of one decision that are shown; the rest are counted."""


def show(console: Console, facts: Facts, seconds: Mapping[str, float]) -> None:
    """Prints everything; ``seconds`` is how long each part took, in order."""
    _numbers(console, facts)
    _decisions(console, facts)
    _malformed(console, facts)
    _samples(console, facts.samples)
    show_assessment(console, facts.assessed)
    _refusals(console, facts)
    _wall(console, facts)
    _checks(console, tuple(facts.checks()))
    _end(console, facts, seconds)


def _numbers(console: Console, facts: Facts) -> None:
    plan, expected = facts.plan, facts.plan.expected
    table = new_table(console, "What happened, read back from the databases and the API", ("", "", ""))
    table.show_header = False
    table.columns[1].justify = "right"
    rows: tuple[tuple[str, int, str], ...] = (
        ("commands sent", expected.sent, f"seed {plan.seed}, {plan.models} models, {plan.tenants} tenants"),
        (
            "to set up",
            plan.setup_commands,
            f"{facts.active_policies} policies active, one workflow",
        ),
        (
            "made by the engine",
            facts.engine_commands,
            "a version is loaded, an artifact is verified",
        ),
        ("decided", facts.decided, _parts(_by_outcome(facts))),
        ("rejected", facts.rejected, "each with a reason and an event"),
        ("quarantined", facts.quarantined, "each kept whole, with an event"),
        ("identical repeats", facts.repeats, "answered by their first outcome, no second event"),
        ("events", facts.stored.events.total(), _parts(_short_types(facts.stored.events))),
        ("entries in the wall", facts.wall.entries.total(), f"of these events; {facts.wall.size:,} in all"),
    )
    for name, number, note in rows:
        table.add_row(name, f"{number:,}", Text(note, style="dim"))
    put(console, table)


def _decisions(console: Console, facts: Facts) -> None:
    table = new_table(
        console, "Decisions by policy", ("policy", "allow", "deny", "by fail mode"), numbers=True
    )
    for policy in sorted({count.policy for count in facts.stored.decisions}):
        own = [count for count in facts.stored.decisions if count.policy == policy]
        allowed = sum(count.number for count in own if count.outcome == "allow")
        denied = sum(count.number for count in own if count.outcome == "deny")
        failed = sum(count.number for count in own if count.basis == "fail_mode")
        table.add_row(policy, f"{allowed:,}", f"{denied:,}", f"{failed:,}")
    put(console, table)


def _malformed(console: Console, facts: Facts) -> None:
    table = new_table(console, "Malformed on purpose", ("answer", "reason", "number", "what was sent"))
    table.columns[2].justify = "right"
    for outcome, found in (
        (Outcome.REJECTED, facts.stored.rejected),
        (Outcome.QUARANTINED, facts.stored.quarantined),
    ):
        for reason, number in sorted(found.items()):
            kinds = [kind.name for kind in KINDS if kind.outcome is outcome and kind.reason == reason]
            table.add_row(outcome.value, reason, f"{number:,}", Text("; ".join(kinds), style="dim"))
    put(console, table)


def _samples(console: Console, samples: Iterable[Sample]) -> None:
    table = new_table(console, "Some decisions, as the API shows them", ("", ""))
    table.show_header = False
    for sample in samples:
        words = Text(sample.about, style="bold")
        place = f"  {sample.policy}, version {sample.version}, {sample.tenant}, {sample.resource}"
        words.append(f"{place}\n{sample.given}", style="dim not bold")
        for reason in _reasons(sample):
            words.append(f"\n- {reason}", style="not bold")
        table.add_row(Text(sample.outcome, style="green" if sample.outcome == "allow" else "red"), words)
    put(console, table)


def _reasons(sample: Sample) -> list[str]:
    if not sample.reasons and sample.outcome == "deny":
        return ["no rule allows it; the policy names no violation"]
    more = len(sample.reasons) - MAX_REASONS
    return [*sample.reasons[:MAX_REASONS], *([f"and {more} more"] if more > 0 else [])]


def _refusals(console: Console, facts: Facts) -> None:
    table = new_table(
        console, "Some refusals, as the API shows them", ("what was sent", "state", "reason", "detail")
    )
    for refusal in facts.refusals:
        table.add_row(refusal.kind, refusal.state, refusal.reason, Text(refusal.detail, style="dim"))
    put(console, table)


def _wall(console: Console, facts: Facts) -> None:
    entry = facts.entry
    title = f"One entry of the wall: GET /api/v1/audit-trail/{entry.index}"
    table = new_table(console, title, ("", ""))
    table.show_header = False
    for name in (
        "tenant_id",
        "event_type",
        "actor_id",
        "resource_type",
        "resource_id",
        "occurred_at",
        "leaf_hash",
    ):
        table.add_row(name, Text(str(entry.shown.get(name))))
    lane = entry.shown.get("lane")
    if isinstance(lane, Mapping):
        place = f"{lane.get('topic')}/{lane.get('partition')}, sequence {entry.shown.get('lane_seq')}"
        table.add_row("lane", Text(place))
    table.add_row(
        "entry", Text(f"{len(entry.entry):,} bytes; SHA-256 of 0x00 and these bytes is the leaf hash")
    )
    put(console, table)
    attempts = new_table(
        console, f"Trying to change it: {STATEMENT.replace('$1', str(entry.index))}", ("as", "answer")
    )
    for attempt in facts.attempts:
        style = "green" if attempt.refused else "bold red"
        attempts.add_row(attempt.who, Text(attempt.answer, style=style))
    put(console, attempts)


def _checks(console: Console, checks: Sequence[Check]) -> None:
    table = new_table(console, "Checks", ("", "claim", "expected", "found"))
    for check in checks:
        mark = Text("✓", style="green") if check.holds else Text("✗", style="bold red")
        table.add_row(
            mark, check.claim, check.expected, Text(check.found, style="" if check.holds else "bold red")
        )
    put(console, table)


def _end(console: Console, facts: Facts, seconds: Mapping[str, float]) -> None:
    for invariant in facts.invariants.invariants:
        for problem in invariant.problems:
            put(console, Text(f"  invariant {invariant.number}: {problem}", style="red"))
    times = ", ".join(f"{name} {took:.1f} s" for name, took in seconds.items())
    put(console, Text(f"\n{times}", style="dim"))
    if facts.holds:
        put(console, Text("Everything held.", style="bold green"))
    else:
        broken = sum(not check.holds for check in facts.checks())
        put(console, Text(f"{broken} check(s) did not hold; see above.", style="bold red"))


def _by_outcome(facts: Facts) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for count in facts.stored.decisions:
        found[count.outcome] = found.get(count.outcome, 0) + count.number
    return found


def _short_types(events: Mapping[str, int]) -> Mapping[str, int]:
    """By the last word of the type, over all families."""
    found: dict[str, int] = {}
    for name, number in events.items():
        word = name.rpartition(".")[2]
        found[word] = found.get(word, 0) + number
    return found


def _parts(numbers: Mapping[str, int]) -> str:
    ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {name}" for name, number in ordered)
