"""What the documents say is there."""

import re
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS, ROOT, blocks, links, named_tests

_OPERATORS = ROOT / "docs" / "operators.md"
TARGETS = frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize(("document", "target"), list(links()))
def test_every_link_leads_somewhere(document: str, target: str) -> None:
    assert ((ROOT / document).parent / target).exists()


@pytest.mark.parametrize(("document", "path"), list(named_tests()))
def test_every_test_that_is_named_exists(document: str, path: str) -> None:
    assert (ROOT / path).exists()


def test_every_metric_that_operators_are_told_of_exists() -> None:
    named = set(re.findall(r"`((?:aumos_governance|governance|audit)_[a-z_]+)`", _OPERATORS.read_text()))
    sources = [
        path for folder in ("agents", "audit_sink", "projections") for path in (ROOT / folder).rglob("*.py")
    ]
    served = "".join(path.read_text() for path in sources)
    assert {name for name in named if f'"{name}"' not in served} == set()
    assert len(named) > 10


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    commands = [*"".join(blocks(document, "sh")).splitlines(), *re.findall(r"`(make [^`]+)`", text)]
    named = {match[1] for line in commands if (match := re.match(r"make ([a-z-]+)", line))}
    assert named <= TARGETS
