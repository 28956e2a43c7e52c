"""``governance workflow|evidence|dashboard`` before the real engine, and what the read API tells of it."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from schemas.identity import workflow_id
from tests.command_line import Governance

NAME = "ISO 42001 Annual Assessment 2026"
PATIENCE_S = 30.0
"""Longest wait for the verifier and for the wall, in seconds."""


def document(text: str) -> Any:
    """What a call with ``--json`` printed."""
    return json.loads(text)


def awaited(read: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """What is read once it is as wanted."""
    until = time.monotonic() + PATIENCE_S
    while not wanted(found := read()):
        assert time.monotonic() < until, found
        time.sleep(0.1)
    return found


@pytest.fixture
def workflow(governance: Governance) -> str:
    """The original's example workflow, taken to collecting by its own steps."""
    governance("workflow", "create", "--regulation", "iso42001", "--name", NAME)
    governance("workflow", "assign", NAME, "--owner", "ann", "--assessor", "ben")
    governance("workflow", "applicability", NAME, "--applicable", "--reason", "we run AI systems")
    governance("workflow", "begin", NAME)
    return NAME


def test_a_workflow_is_read_as_it_was_driven(governance: Governance, workflow: str, tenant: str) -> None:
    found = document(governance("workflow", "show", workflow, "--json"))
    assert found["workflow_id"] == workflow_id(tenant, workflow)
    assert (found["state"], found["phase"], found["edition"]) == (
        "collecting",
        "in_progress",
        "ISO/IEC 42001:2023",
    )
    standing = found["standing"]
    assert (standing["controls_total"], standing["applicable"], standing["assessed"]) == (70, 70, 0)
    assert (standing["coverage"], standing["conformity"]) == (0, 0)
    assert {control["state"] for control in found["controls"]} == {"evidence_pending"}
    assert {(control["owner"], control["assessor"]) for control in found["controls"]} == {("ann", "ben")}
    assert [(timer["name"], timer["state"]) for timer in found["timers"]] == [("period_end", "armed")]
    assert [each["name"] for each in document(governance("workflow", "list", "--json"))] == [workflow]
    assert document(governance("workflow", "list", "--phase", "draft", "--json")) == []


def test_a_refused_step_names_each_guard_and_what_it_misses(governance: Governance) -> None:
    governance("workflow", "create", "--regulation", "soc2", "--name", "early")
    governance("workflow", "advance", "early", "scope")
    refused = governance("workflow", "advance", "early", "start_readiness", "--json", expect=1)
    assert refused == ""
    governance("workflow", "advance", "early", "attest", expect=1)
    assert document(governance("workflow", "show", "early", "--json"))["state"] == "scoped"
    governance("workflow", "cancel", "early", "--reason", "made twice")
    found = document(governance("workflow", "show", "early", "--json"))
    assert (found["state"], found["phase"], found["timers"][0]["state"]) == (
        "cancelled",
        "closed",
        "disarmed",
    )


def test_a_file_becomes_evidence_that_the_api_shows_with_its_links(
    governance: Governance, workflow: str
) -> None:
    file = governance.folder / "policy.txt"
    file.write_text("Our AI policy.")
    submitted = document(
        governance(
            "evidence", "submit", str(file), "--control", "iso42001/A.2.2", "--until", "audited", "--json"
        )
    )
    identity = submitted["body"]["evidence_id"]
    governance("evidence", "link", identity, "--control", "soc2/CC1.1", "--technical-control", "TC-032")

    def read() -> Any:
        return document(governance("evidence", "show", identity, "--json"))

    found = awaited(read, lambda each: each["state"] == "verified" and each["freshness"]["version"] == 3)
    assert (found["title"], found["artifact"]["size"], found["expired"]) == ("policy.txt", 14, False)
    assert found["artifact"]["locked_until"] > found["verified_at"]
    assert [(each["regulation"], each["control_id"]) for each in found["controls"]] == [
        ("iso42001", "A.2.2"),
        ("soc2", "CC1.1"),
    ]
    assert [each["technical_control"] for each in found["technical_controls"]] == ["TC-032"]
    awaited(read, lambda each: each["freshness"]["audit"]["state"] == "recorded")
    for filters in (("--state", "verified"), ("--regulation", "soc2"), ("--control", "A.2.2")):
        listed = document(governance("evidence", "list", *filters, "--json"))
        assert [each["evidence_id"] for each in listed] == [identity]
    assert document(governance("evidence", "list", "--state", "collected", "--json")) == []
    _the_dashboard_counts_it(governance)


def _the_dashboard_counts_it(governance: Governance) -> None:
    found = document(governance("dashboard", "--json"))
    by_code = {each["regulation"]: each for each in found["regulations"]}
    counts = [each["evidence"] for each in (found["totals"], by_code["iso42001"], by_code["soc2"])]
    assert counts == [{"collected": 0, "verified": 1, "quarantined": 0}] * 3
    assert by_code["iso42001"]["workflows"]["in_progress"] == 1
    assert (found["totals"]["standing"]["applicable"], found["totals"]["standing"]["satisfied"]) == (70, 0)
    assert {each["lane"]["topic"] for each in found["lanes"]} == {
        "governance.compliance.events.v1",
        "governance.evidence.events.v1",
    }
