"""docs/packs.md against the packs and the command line."""

import json
from collections.abc import Mapping

from client.cli.output import Exit
from rego.packs import Pack
from tests.client.shell import Shell
from tests.docs.documents import ROOT, blocks
from tests.packs.table import table

DOCUMENT = ROOT / "docs" / "packs.md"


def test_the_table_is_that_of_the_packs(packs: Mapping[str, Pack]) -> None:
    assert table(packs) in DOCUMENT.read_text()


def test_every_line_of_the_document_does_what_it_says(shell: Shell) -> None:
    lines = "".join(blocks(DOCUMENT, "sh")).splitlines()
    assert len(lines) >= 3
    for line in lines:
        program, *arguments = line.split()
        assert program == "governance"
        result = shell.run(*arguments)
        assert result.exit_code == Exit.OK, result.output


def test_the_input_of_the_document_is_one_that_its_policy_is_asked_with(packs: Mapping[str, Pack]) -> None:
    (policy,) = [each for each in packs["agent_action"].policies if each.name == "agent-action-tool-call"]
    (document,) = [json.loads(block) for block in blocks(DOCUMENT, "json")]
    for part, facts in document.items():
        for fact in facts:
            assert f"input.{part}.{fact}" in policy.source
