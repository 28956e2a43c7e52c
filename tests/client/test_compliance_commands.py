"""``governance workflow|evidence|dashboard``: what they send, ask and show, without servers."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from client.api import ReadApi
from client.cli import listing
from client.cli.output import Exit
from schemas.codec import decode
from schemas.envelope import envelope_of
from tests.client.canned import NAME, PAGES
from tests.client.shell import Shell

CONTROLS = ("--control", "A.2.2", "--control", "A.2.3")
START = "2026-01-01T00:00:00Z"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """The requests that a stand-in of the read API has answered."""
    found: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        found.append(request)
        page = PAGES.get(request.url.path)
        return httpx.Response(404 if page is None else 200, json=page or {"title": "Not found"})

    @asynccontextmanager
    async def reading(_settings: object, _tenant: object) -> AsyncIterator[ReadApi]:
        async with ReadApi.connect("http://api", lambda: "t", httpx.MockTransport(answer)) as api:
            yield api

    monkeypatch.setattr(listing, "reading", reading)
    return found


def sent(shell: Shell) -> tuple[str, dict[str, Any]]:
    """Type and body of the one command that was sent."""
    (command,) = shell.sent
    kind = envelope_of(command.headers).type
    return kind, dict(decode(kind, command.value))


def test_the_workflow_of_the_original_is_created_from_its_two_fields(shell: Shell) -> None:
    result = shell.run("workflow", "create", "--regulation", "iso42001", "--name", NAME, "--json")
    assert result.exit_code == Exit.OK, result.output
    kind, body = sent(shell)
    assert kind == "governance.compliance.workflow.create"
    assert (body["name"], body["regulation"], body["choices"]) == (NAME, "iso42001", {})
    assert (body["owner"], body["period_start"], body["period_months"]) == (None, None, None)


def test_a_workflow_takes_its_scope_and_period(shell: Shell) -> None:
    choices = ("--choose", "category=privacy", "--choose", "category=security")
    period = ("--period-start", "2026-01-01", "--period-months", "6")
    result = shell.run(
        "workflow", "create", "--regulation", "soc2", "--name", "s", *choices, *period, "--owner", "ben"
    )
    assert result.exit_code == Exit.OK, result.output
    _, body = sent(shell)
    assert body["choices"] == {"category": ["privacy", "security"]}
    assert (body["period_start"], body["period_months"], body["owner"]) == ("2026-01-01", 6, "ben")


@pytest.mark.parametrize(
    ("arguments", "kind", "fields"),
    [
        (
            (
                "assign",
                "w",
                "--control",
                "A.2.2",
                "--control",
                "A.2.3",
                "--owner",
                "ann",
                "--assessor",
                "ben",
            ),
            "governance.compliance.workflow.assign",
            {"workflow": "w", "controls": ["A.2.2", "A.2.3"], "owner": "ann", "assessor": "ben"},
        ),
        (
            ("assign", "w", "--assessor", "ben"),
            "governance.compliance.workflow.assign",
            {"controls": [], "owner": None, "assessor": "ben"},
        ),
        (
            ("applicability", "w", "--exclude", "--control", "A.10.3", "--reason", "no suppliers"),
            "governance.compliance.workflow.decide_applicability",
            {"applicable": False, "controls": ["A.10.3"], "reason": "no suppliers"},
        ),
        (
            ("applicability", "w", "--applicable"),
            "governance.compliance.workflow.decide_applicability",
            {"applicable": True, "controls": [], "reason": ""},
        ),
        (
            ("advance", "w", "scope", "--reason", "agreed"),
            "governance.compliance.workflow.advance",
            {"transition": "scope", "reason": "agreed"},
        ),
        (("begin", "w"), "governance.compliance.workflow.advance", {"transition": "begin", "reason": ""}),
        (
            ("cancel", "w", "--reason", "twice"),
            "governance.compliance.workflow.cancel",
            {"workflow": "w", "reason": "twice"},
        ),
    ],
)
def test_each_step_of_a_workflow_is_a_command(
    shell: Shell, arguments: Sequence[str], kind: str, fields: dict[str, object]
) -> None:
    result = shell.run("workflow", *arguments)
    assert result.exit_code == Exit.OK, result.output
    found, body = sent(shell)
    assert found == kind
    assert {name: body[name] for name in fields} == fields


def test_evidence_is_linked_to_more_controls(shell: Shell) -> None:
    identity = "0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234"
    links = ("--control", "soc2/CC1.1", "--technical-control", "TC-007")
    assert shell.run("evidence", "link", identity, *links).exit_code == Exit.OK
    kind, body = sent(shell)
    assert kind == "governance.evidence.link"
    assert body == {
        "evidence": identity,
        "controls": [{"regulation": "soc2", "control": "CC1.1"}],
        "technical_controls": ["TC-007"],
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("workflow", "create", "--regulation", "iso42001"),
        ("workflow", "create", "--regulation", "", "--name", "x"),
        ("workflow", "create", "--regulation", "soc2", "--name", "x", "--choose", "category"),
        ("workflow", "create", "--regulation", "soc2", "--name", "x", "--period-start", "today"),
        ("workflow", "create", "--regulation", "soc2", "--name", "x", "--period-months", "0"),
        ("workflow", "assign", "w"),
        ("workflow", "applicability", "w"),
        ("workflow", "advance", "w"),
        ("evidence", "link", "not-a-uuid", "--technical-control", "TC-007"),
        ("evidence", "link", "0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234"),
        ("evidence", "link", "0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234", "--control", "CC1.1"),
        ("evidence", "submit", "FILE", "--kind", "guessed"),
        ("evidence", "submit", "FILE", "--valid-until", "tomorrow"),
        ("evidence", "submit", "FILE", "--control", "A.2.2"),
        ("evidence", "submit", "FILE"),
        ("regulations", "show", "never"),
        ("regulations", "check", "never"),
    ],
)
def test_wrong_usage_exits_2_and_sends_nothing(shell: Shell, arguments: Sequence[str]) -> None:
    file = shell.file("policy.txt", "our AI policy")
    result = shell.run(*(file if each == "FILE" else each for each in arguments))
    assert result.exit_code == Exit.USAGE, result.output
    assert shell.sent == []


def test_evidence_without_keys_for_the_bucket_says_which_are_missing(shell: Shell) -> None:
    result = shell.run("evidence", "submit", shell.file("policy.txt", "our AI policy"))
    assert "AWS_ACCESS_KEY_ID" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("workflow", "list"), (NAME, "iso42001", "draft")),
        (("workflow", "show", NAME), ("25%", "10%", "A.2.2", "evidence_pending", "period_end", "recorded")),
        (("evidence", "list"), ("AI policy", "verified", "e-1")),
        (("evidence", "show", "e-1"), ("ab" * 32, "iso42001", "A.2.2", "TC-032", "recorded")),
        (("dashboard",), ("iso42001", "soc2", "25%", "10%", "-", "all")),
    ],
)
def test_answers_are_shown_to_people(
    shell: Shell, asked: list[httpx.Request], arguments: Sequence[str], shown: Sequence[str]
) -> None:
    result = shell.run(*arguments)
    assert result.exit_code == Exit.OK, result.output
    for text in shown:
        assert text in result.stdout
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("workflow", "show", NAME), f"/api/v1/compliance/workflows/{NAME}"),
        (("evidence", "show", "e-1"), "/api/v1/evidence/e-1"),
        (("dashboard",), "/api/v1/compliance/dashboard"),
    ],
)
def test_answers_for_programs_are_the_apis_own(
    shell: Shell, asked: list[httpx.Request], arguments: Sequence[str], path: str
) -> None:
    assert json.loads(shell.run(*arguments, "--json").stdout) == PAGES[path]


def test_filters_are_asked_of_the_api(shell: Shell, asked: list[httpx.Request]) -> None:
    shell.run(
        "workflow", "list", "--phase", "draft", "--regulation", "soc2", "--from", "2026-01-01T00:00:00Z"
    )
    shell.run("evidence", "list", "--control", "A.2.2", "--technical-control", "TC-007", "--by", "ann")
    assert [dict(request.url.params) for request in asked] == [
        {"phase": "draft", "regulation": "soc2", "from": START, "limit": "50"},
        {"control": "A.2.2", "technical_control": "TC-007", "actor": "ann", "limit": "50"},
    ]


def test_a_workflow_that_is_not_there_exits_1(shell: Shell, asked: list[httpx.Request]) -> None:
    assert shell.run("workflow", "show", "never").exit_code == Exit.FAILED
