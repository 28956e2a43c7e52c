"""``governance regulations list|show|new|check``."""

import json
from pathlib import Path

from client.cli.output import Exit
from tests.client.shell import Shell


def test_regulations_are_listed_with_what_is_available_and_what_is_planned(shell: Shell) -> None:
    rows = {row["code"]: row for row in json.loads(shell.run("regulations", "list", "--json").stdout)}
    assert rows.keys() == {"soc2", "iso27001", "hipaa", "iso42001", "eu_ai_act", "fedramp"}
    assert (rows["iso42001"]["controls"], rows["iso42001"]["planned"]) == (70, "full (70/70)")
    assert "ISO 42001:2023" in shell.run("regulations", "list").stdout


def test_a_regulation_is_shown_with_its_controls(shell: Shell) -> None:
    found = json.loads(shell.run("regulations", "show", "iso42001", "--json").stdout)
    assert len(found["items"]) == 70
    assert found["items"][0]["technical_controls"] == ["TC-032"]
    assert "A.6.2.5" in shell.run("regulations", "show", "iso42001").stdout


def test_a_new_regulation_is_made_checked_and_shown(shell: Shell, tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path / "own"))
    assert shell.run("regulations", "new", "nist_ai_rmf", *folder).exit_code == Exit.OK
    assert "nist_ai_rmf is sound" in shell.run("regulations", "check", "nist_ai_rmf", *folder).stdout
    assert shell.run("regulations", "show", "nist_ai_rmf", *folder).exit_code == Exit.OK
    assert shell.run("regulations", "new", "nist_ai_rmf", *folder).exit_code == Exit.USAGE


def test_a_damaged_regulation_is_reported_by_file_and_line(shell: Shell, tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path))
    shell.run("regulations", "new", "mine", *folder)
    controls = tmp_path / "mine" / "controls.csv"
    controls.write_text(controls.read_text().replace("1.1", "1.2"))
    for arguments in (("mine",), ()):
        result = shell.run("regulations", "check", *arguments, *folder)
        assert result.exit_code == Exit.FAILED
        assert "mine/mapping.csv:2: control_unknown" in result.stdout
    document = json.loads(shell.run("regulations", "check", "mine", *folder, "--json").stdout)
    assert {problem["kind"] for problem in document["problems"]} >= {"control_unknown", "hash_differs"}
    assert shell.run("regulations", "list", *folder).exit_code == Exit.USAGE


def test_the_regulations_of_this_checkout_are_sound(shell: Shell) -> None:
    assert "every regulation is sound" in shell.run("regulations", "check").stdout
