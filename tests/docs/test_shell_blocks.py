"""Every shell block of README and quickstart, line by line, as a user of the running system would."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final

import pytest

import devstack
from client import GovernanceClient
from schemas.models import CreatePolicy
from tests.docs.documents import ROOT, blocks

OUTSIDE: Final = re.compile(r"make (demo|test|up|down)\b.*|\. \.venv/bin/activate")
"""Covered by the fixture, by this very run, or by tests/devstack."""
DENIED: Final = 1
"""Exit code of ``governance evaluate`` where the policy says no, as the quickstart tells."""


@pytest.fixture
def shell(system: devstack.Stack, environment: dict[str, str], tenant: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a user with the virtual environment active."""
    return {
        **environment,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "AUMOS_GOVERNANCE_TENANT": tenant,
        "AUMOS_STACK_DIR": str(system.layout.root),
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


@pytest.mark.parametrize("document", ["README.md", "docs/quickstart.md"])
def test_every_line_does_what_it_says(system: devstack.Stack, shell: dict[str, str], document: str) -> None:
    shell["TOKEN"] = run("governance token", shell).stdout.strip()
    ran = 0
    for line in "".join(blocks(ROOT / document, "sh")).splitlines():
        if OUTSIDE.fullmatch(line.strip()):
            continue
        line = line.replace("http://localhost:8000", shell["AUMOS_GOVERNANCE_API_URL"])
        done = run(line, shell)
        expected = DENIED if "governance evaluate" in line else 0
        assert done.returncode == expected, f"{line}\n{done.stdout}{done.stderr}"
        if "governance evaluate" in line:
            assert "explainability report" in done.stdout
        if line.startswith("curl"):
            assert '"outcome":"deny"' in done.stdout
        ran += 1
    assert ran >= 3


async def test_the_programs_lines_do_what_they_say(
    system: devstack.Stack, shell: dict[str, str], tenant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in "".join(blocks(ROOT / "README.md", "sh")).splitlines():
        if line.startswith("governance policy"):
            assert run(line, shell).returncode == 0
    (program,) = blocks(ROOT / "README.md", "python")
    program = program.replace("localhost:9092", shell["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]).replace(
        "acme", tenant
    )
    names: dict[str, object] = {
        "GovernanceClient": GovernanceClient,
        "CreatePolicy": CreatePolicy,
        "source": (ROOT / "rego/examples/model_promotion.rego").read_text(),
    }
    body = textwrap.indent(program, "    ")
    exec(f"async def program():\n{body}\n    return receipt", names)  # noqa: S102 - the README's own lines
    receipt = await names["program"]()  # type: ignore[operator]
    assert receipt is not None
    assert "explainability report" in capsys.readouterr().out
