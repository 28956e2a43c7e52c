"""Every shell block of the documents for users, line by line, as a user of the running system would."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

import devstack
from client import Bucket, EventConsumer, GovernanceClient
from client.errors import Rejected
from schemas.models import AdvanceWorkflow, CreatePolicy, CreateWorkflow
from tests.docs.documents import ROOT, blocks

OUTSIDE: Final = re.compile(r"make (demo|test|up|down)\b.*|\. \.venv/bin/activate")
"""Covered by the fixture, by this very run, or by tests/devstack."""
DENIED: Final = 1
"""Exit code of ``governance evaluate`` where the policy says no, as the quickstart tells."""

SHOWN: Final = {
    "governance evaluate": "explainability report",
    "governance workflow begin": "is collecting",
    "governance evidence submit": "governance.evidence.submitted",
    "governance dashboard": "iso42001",
    "/api/v1/decisions": '"outcome":"deny"',
    "/api/v1/regulations/iso42001/controls": '"control_id":"4.1"',
    "/api/v1/regulations": '"code":"iso42001"',
    "/api/v1/compliance/workflows": '"items":',
    "/api/v1/compliance/dashboard": '"conformity":null',
    "/api/v1/evidence": '"items":',
}
"""What a line prints, by the first of these that it contains."""


@pytest.fixture
def shell(system: devstack.Stack, environment: dict[str, str], tenant: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a user with the virtual environment active."""
    return {
        **environment,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "AUMOS_STACK_DIR": str(system.layout.root),
        "AUMOS_GOVERNANCE_TENANT": tenant,
        "COLUMNS": "200",
    }


def run(line: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """One line as bash takes it, pipes failing as a whole."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def checked(line: str, shell: dict[str, str]) -> None:
    """Runs a line; it must end and print as the documents say."""
    done = run(line.replace("http://localhost:8000", shell["AUMOS_GOVERNANCE_API_URL"]), shell)
    expected = DENIED if "governance evaluate" in line else 0
    assert done.returncode == expected, f"{line}\n{done.stdout}{done.stderr}"
    shown = next((text for part, text in SHOWN.items() if part in line), "")
    assert shown in done.stdout, f"{line}\n{done.stdout}"
    if line.startswith("curl"):
        assert "status" not in orjson.loads(done.stdout), done.stdout


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/quickstart.md",
        "docs/for-producers.md",
        "docs/for-consumers.md",
        "docs/for-policy-authors.md",
        "docs/operators.md",
    ],
)
def test_every_line_does_what_it_says(system: devstack.Stack, shell: dict[str, str], document: str) -> None:
    shell["TOKEN"] = run("governance token", shell).stdout.strip()
    lines = "".join(blocks(ROOT / document, "sh")).splitlines()
    inside = [line for line in lines if not OUTSIDE.fullmatch(line.strip())]
    for line in inside:
        checked(line, shell)
    assert len(inside) >= 3


async def executed(program: str, shell: dict[str, str], tenant: str, **names: object) -> None:
    """A program of the documents, with this system's addresses and tenant in place of those it names."""
    program = program.replace("localhost:9092", shell["AUMOS_KAFKA_BOOTSTRAP_SERVERS"])
    body = textwrap.indent(program.replace("acme", tenant), "    ")
    known: dict[str, Any] = {
        "Bucket": Bucket,
        "EventConsumer": EventConsumer,
        "GovernanceClient": GovernanceClient,
        "AdvanceWorkflow": AdvanceWorkflow,
        "CreatePolicy": CreatePolicy,
        "CreateWorkflow": CreateWorkflow,
        "Rejected": Rejected,
        **names,
    }
    exec(f"async def program():\n{body}", known)  # noqa: S102 - the documents' own lines
    await known["program"]()


async def test_the_programs_lines_do_what_they_say(
    system: devstack.Stack, shell: dict[str, str], tenant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in "".join(blocks(ROOT / "README.md", "sh")).splitlines():
        if line.startswith("governance policy"):
            assert run(line, shell).returncode == 0
    (program,) = blocks(ROOT / "README.md", "python")
    source = (ROOT / "rego/examples/model_promotion.rego").read_text()
    await executed(program, shell, tenant, source=source)
    assert "explainability report" in capsys.readouterr().out


async def test_the_producers_and_consumers_programs_do_what_they_say(
    system: devstack.Stack,
    shell: dict[str, str],
    tenant: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    commands, evidence = blocks(ROOT / "docs/for-producers.md", "python")
    await executed(commands, shell, tenant)
    printed = capsys.readouterr().out
    assert "governance.compliance.workflow.created" in printed
    assert "guard_not_available" in printed
    await executed(
        evidence,
        shell,
        tenant,
        access_key=shell["AWS_ACCESS_KEY_ID"],
        secret_key=shell["AWS_SECRET_ACCESS_KEY"],
        s3_url=shell["AUMOS_GOVERNANCE_S3_URL"],
    )
    assert "governance.evidence.submitted" in capsys.readouterr().out
    (consumer,) = blocks(ROOT / "docs/for-consumers.md", "python")
    await executed(consumer, shell, tenant)
    assert "governance.compliance.workflow.created" in capsys.readouterr().out
