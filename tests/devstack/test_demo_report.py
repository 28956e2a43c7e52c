"""The demo's checks and its report: what held, and how a difference is told."""

import io
from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
import pytest
from rich.console import Console

from devstack.demo.assessment import DOCUMENTS, EXCLUDED, Assessed
from devstack.demo.document import document
from devstack.demo.facts import Facts, Plan
from devstack.demo.gates import GATES, PROMOTION
from devstack.demo.postgres import DecisionCount, Stored
from devstack.demo.records import Ask, Run
from devstack.demo.register import read_register
from devstack.demo.report import show
from devstack.demo.samples import Entry, Refusal, Sample, given
from devstack.demo.scenario import (
    MINIMUM,
    SEED,
    Scenario,
)
from devstack.demo.shown import Bars
from devstack.demo.wall.postgres import Attempt, Wall
from projections.invariants.report import Invariant, Report
from schemas.leaf import EventRecord, encode_leaf, leaf_hash

RUN = Run("0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234", "2026-05-04T09:30:00.125000Z")
EVENTS = ("governance.evaluation.events.v1", 3)


@pytest.fixture(scope="module")
def small() -> Scenario:
    return Scenario.of(read_register(), MINIMUM)


@pytest.fixture
def facts(small: Scenario) -> Facts:
    """A run in which everything held."""
    expected = small.expected
    decisions = tuple(
        DecisionCount(name, "deny", "policy", n) for name, n in sorted(expected.decided.items())
    )
    happened = Counter(
        {
            "governance.policy.evaluated": expected.decided.total(),
            "governance.policy.command_rejected": expected.rejected.total(),
            "governance.evaluation.command_quarantined": expected.quarantined.total(),
        }
    )
    kept = expected.decided.total() + expected.rejected.total() - expected.rejected["id_reused"]
    return Facts(
        plan=Plan(RUN, SEED, 59, 5, 20, 40, expected),
        received=MINIMUM,
        remembered=kept,
        engine_commands=20,
        active_policies=20,
        assessed=ASSESSED,
        stored=Stored(decisions, expected.rejected, expected.quarantined, happened),
        wall=Wall(happened, 12_345),
        samples=(SAMPLE,),
        refusals=(Refusal("NaN", "rejected", "bad_input", "no JSON"),),
        entry=ENTRY,
        after=ENTRY,
        attempts=(Attempt("the sink's login", True, "permission denied for table gov_audit_trail_entries"),),
        invariants=Report([Invariant(n, f"claim {n}", 10) for n in range(1, 7)], {}),
    )


ASSESSED = Assessed(
    commands=13,
    workflow={
        "workflow_id": "w-1",
        "name": "ISO 42001 Annual Assessment 2026",
        "state": "collecting",
        "phase": "in_progress",
        "edition": "ISO/IEC 42001:2023",
        "regulation_version": "sha256:" + "0" * 64,
        "period_start": "2026-05-04",
        "period_end": "2027-05-04",
        "excluded": 1,
        "undecided": 0,
        "standing": {"controls_total": 70, "applicable": 69},
        "controls": [
            {"control_id": "A.2.2", "applicability": "applicable"},
            {"control_id": EXCLUDED, "applicability": "excluded"},
        ],
    },
    evidence=tuple(
        {
            "state": "verified",
            "title": document.title,
            "controls": [{"control_id": control} for control in document.controls],
            "artifact": {"size": 1234, "locked_until": "2032-05-03T09:30:00.000000Z"},
        }
        for document in DOCUMENTS
    ),
    dashboard={
        "regulation": "iso42001",
        "workflows": {"draft": 0, "in_progress": 1},
        "standing": {"assessed": 0, "applicable": 69, "satisfied": 0, "coverage": 0.0, "conformity": 0.0},
        "evidence": {"collected": 0, "verified": 5, "quarantined": 0},
    },
)
SAMPLE = Sample(
    decision_id="d-1",
    tenant="aurora-bank",
    policy=PROMOTION.name,
    version=1,
    outcome="deny",
    about="Llama 4 Scout (Meta)",
    resource="model/llama-4-scout",
    given="production for commercial use",
    reasons=("first [reason]", "second", "third", "fourth", "fifth"),
    duration_us=900,
    audit="recorded",
)
LEAF = encode_leaf(EventRecord(*EVENTS, 7, b"k", (("ce_id", b"e-7"),), b"v"))
ENTRY = Entry(41, "e-7", {"tenant_id": "aurora-bank", "lane_seq": 7}, LEAF, leaf_hash(LEAF).hex())


def rendered(facts: Facts) -> str:
    out = io.StringIO()
    show(Console(file=out, width=140), facts, {"start": 1.0, "commands": 2.5})
    return out.getvalue()


def test_the_report_shows_the_numbers_the_samples_and_the_servers_own_words(facts: Facts) -> None:
    text = rendered(facts)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert any(line.startswith(f"commands sent {MINIMUM}") for line in lines)
    assert any(line.startswith("entries in the wall") and "12,345 in all" in line for line in lines)
    assert "permission denied for table gov_audit_trail_entries" in text
    assert "GET /api/v1/audit-trail/41" in text
    assert "Llama 4 Scout (Meta)" in text
    assert "- first [reason]" in text
    assert "and 2 more" in text
    assert "fourth" not in text
    assert "start 1.0 s, commands 2.5 s" in text
    assert lines[-1] == "Everything held."


def test_the_document_holds_the_same_numbers(facts: Facts) -> None:
    content = orjson.loads(orjson.dumps(document(facts, {"start": 1.0})))
    assert content["holds"] is True
    assert content["commands"]["sent"] == MINIMUM
    assert content["commands"]["repeats"] == facts.plan.expected.repeated
    assert content["wall"]["size"] == 12_345
    assert content["samples"][0]["about"] == "Llama 4 Scout (Meta)"
    assert all(check["holds"] for check in content["checks"])


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        ({"received": MINIMUM + 1}, "commands in Kafka"),
        ({"remembered": 0}, "identical repeats, answered by their first outcome"),
        ({"active_policies": 19}, "policies active"),
        ({"wall": Wall(Counter({"governance.policy.evaluated": 1}), 1)}, "events in the wall, by type"),
        ({"after": replace(ENTRY, entry=b"")}, "the entry after the attempts"),
        ({"entry": replace(ENTRY, leaf_hash="00" * 32)}, "the entry's bytes give its leaf hash"),
        ({"entry": replace(ENTRY, event_id="e-8")}, "the entry's bytes give its leaf hash"),
        ({"attempts": (Attempt("a superuser", False, "UPDATE 1"),)}, "UPDATE by a superuser"),
    ],
)
def test_each_number_that_differs_is_named_and_fails_the_run(
    facts: Facts, change: dict[str, Any], claim: str
) -> None:
    broken = replace(facts, **change)
    assert claim in {check.claim for check in broken.checks() if not check.holds}
    assert not broken.holds
    assert document(broken, {})["holds"] is False
    assert "did not hold; see above." in rendered(broken)


def test_a_difference_in_reasons_is_told_by_reason(facts: Facts) -> None:
    rejected = facts.stored.rejected + Counter({"forged": 2})
    broken = replace(facts, stored=replace(facts.stored, rejected=rejected))
    check = next(check for check in broken.checks() if check.claim == "rejections by reason")
    assert (check.expected, check.found) == ("forged 1", "forged 3")


def test_a_policy_with_a_decision_too_few_fails_the_run(facts: Facts) -> None:
    first, *others = facts.stored.decisions
    stored = replace(facts.stored, decisions=(replace(first, number=first.number - 1), *others))
    assert not replace(facts, stored=stored).holds


def test_a_broken_invariant_fails_the_run_and_shows_its_problems(facts: Facts) -> None:
    broken = Invariant(2, "every event is published")
    broken.fail("lane 3: sequence 7 differs")
    report = replace(facts, invariants=Report([broken], {}))
    assert not report.holds
    assert "invariant 2: lane 3: sequence 7 differs" in rendered(report)


def test_a_sample_says_what_the_decision_turned_on(small: Scenario) -> None:
    words = {ask.gate.name: given(orjson.loads(ask.document)) for ask in small.steps if isinstance(ask, Ask)}
    assert len(words) == len(GATES)
    assert "licence" in words["Model Licence Gate"]
    assert "data" in words["Data Pipeline Gate"]
    assert "calls" in words["Agent Tool Call Gate"]
    assert given({}) == ""


def test_without_a_terminal_progress_is_a_line_at_the_end() -> None:
    out = io.StringIO()
    with Bars(Console(file=out, width=100), 10, 9) as bars:
        bars.sent(10)
        bars.done(10, 9)
    assert out.getvalue().startswith("  … 10 sent, 10 decided, 9 in the wall; ")
    assert out.getvalue().count("\n") == 1
