"""``docs/original.md``: complete, and true of this checkout."""

import re
import shlex
from collections.abc import Iterator
from typing import Any, Final

import pytest
from typer.main import get_command

from client.cli.main import app
from projections.api.app import create_app
from projections.api.settings import Settings
from projections.tokens import TokenSettings
from regulations.automation import automation
from regulations.loader import load_library
from schemas.avro import released
from tests.docs.documents import ROOT

PAGE: Final = ROOT / "docs" / "original.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")
LIBRARY: Final = load_library()

ENDPOINTS: Final = (
    "POST /api/v1/policies",
    "GET /api/v1/policies",
    "GET /api/v1/policies/{id}",
    "PATCH /api/v1/policies/{id}",
    "POST /api/v1/policies/{id}/evaluate",
    "POST /api/v1/compliance/workflows",
    "GET /api/v1/compliance/workflows",
    "GET /api/v1/compliance/workflows/{id}",
    "GET /api/v1/compliance/dashboard",
    "GET /api/v1/audit-trail",
    "POST /api/v1/evidence",
    "GET /api/v1/evidence",
    "GET /api/v1/regulations",
    "GET /api/v1/regulations/{reg}/controls",
    "GET /live",
    "GET /ready",
)
SETTINGS: Final = (
    "AUMOS_GOVERNANCE_OPA_URL",
    "AUMOS_GOVERNANCE_AUDIT_DB_URL",
    "AUMOS_GOVERNANCE_AUDIT_DB_POOL_SIZE",
    "AUMOS_GOVERNANCE_POLICY_EVAL_TIMEOUT_MS",
    "AUMOS_GOVERNANCE_EVIDENCE_ARTIFACT_BUCKET",
    "AUMOS_DATABASE_URL",
    "AUMOS_KAFKA_BOOTSTRAP_SERVERS",
)
TARGETS: Final = ("install", "docker-run", "migrate", "test", "test-quick", "lint", "typecheck", "format")
SUPPORTED: Final = {
    "soc2": "SOC 2 Type II",
    "iso27001": "ISO 27001:2022",
    "hipaa": "HIPAA",
    "iso42001": "ISO 42001:2023",
    "eu_ai_act": "EU AI Act",
    "fedramp": "FedRAMP Moderate",
}


def rows() -> Iterator[list[str]]:
    """The cells of every row of every table, headings left out."""
    for line in TEXT.splitlines():
        if line.startswith("| ") and not line.startswith(("| original", "| ---")):
            yield [cell.strip() for cell in line.strip("| ").split(" | ")]


ROWS: Final = list(rows())


def of_original(text: str) -> list[list[str]]:
    """Rows whose first cell names something of the original."""
    return [row for row in ROWS if text in re.findall(r"`([^`]+)`", row[0])]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_of_the_original_has_its_row(endpoint: str) -> None:
    assert len(of_original(endpoint)) == 1


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_of_the_original_has_its_row_and_is_in_the_example_environment(setting: str) -> None:
    assert len(of_original(setting)) == 1
    assert re.search(rf"^#?{setting}=", (ROOT / ".env.example").read_text(), re.MULTILINE)


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_of_the_original_has_its_row_and_is_in_the_makefile(target: str) -> None:
    assert len(of_original(f"make {target}")) == 1
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_regulation_of_the_original_has_its_row_with_what_is_true_of_it() -> None:
    found = {row[1].strip("`"): row for row in ROWS if row[1].strip("`") in SUPPORTED}
    assert {code: row[0] for code, row in found.items()} == SUPPORTED
    for code, row in found.items():
        regulation = LIBRARY.regulations[code]
        planned = automation(regulation, LIBRARY.hub).planned.level
        assert (regulation.name, str(len(regulation.rows)), planned.value.capitalize()) == (
            row[0],
            row[2],
            row[3],
        )


def test_every_row_names_a_test_that_exists() -> None:
    assert len(ROWS) > 50
    for row in ROWS:
        named = re.findall(r"`(tests/[\w/.]+)`", row[-1])
        assert named, row
        assert all((ROOT / path).is_file() for path in named), row


def test_every_path_of_this_api_is_in_the_openapi_document_and_none_is_left_out() -> None:
    settings = Settings.model_validate({"AUMOS_DATABASE_URL": "postgresql://nowhere"})
    tokens = TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": "k" * 64})
    described = {f"GET {path}" for path in create_app(settings, tokens).openapi()["paths"]}
    here = {name for row in ROWS for name in re.findall(r"`(GET /[^` ]+)`", row[1])}
    assert here == described


def test_every_command_type_that_is_named_has_a_schema() -> None:
    named = {name for row in ROWS for name in re.findall(r"`(governance\.[a-z_.]+)`", " ".join(row[:2]))}
    assert len(named) >= 7
    assert named <= released().versions.keys()


def test_every_line_for_the_shell_names_commands_of_the_command_line() -> None:
    lines = {line for row in ROWS for line in re.findall(r"`(governance [^`]+)`", row[1])}
    assert len(lines) >= 10
    for line in lines:
        found: Any = get_command(app)
        for word in shlex.split(line)[1:]:
            if not hasattr(found, "commands"):
                break
            assert word in found.commands, line
            found = found.commands[word]
        options = {name for parameter in found.params for name in parameter.opts}
        assert {word for word in shlex.split(line) if word.startswith("--")} <= options, line
