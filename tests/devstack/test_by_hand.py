"""`python -m devstack`, as far as it goes without servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack import needs
from devstack.__main__ import main
from devstack.layout import PROJECT_ROOT

Capture = pytest.CaptureFixture[str]


def test_without_a_stack_the_command_that_starts_one_is_named(tmp_path: Path, capsys: Capture) -> None:
    assert main(["--dir", str(tmp_path), "status"]) == 1
    assert "start one with: governance up" in capsys.readouterr().err


def test_down_without_a_stack_is_no_error(tmp_path: Path, capsys: Capture) -> None:
    assert main(["--dir", str(tmp_path), "down"]) == 0
    assert capsys.readouterr().out == "nothing was running\n"


def test_the_compose_file_is_printed(capsys: Capture) -> None:
    assert main(["compose"]) == 0
    assert capsys.readouterr().out == (PROJECT_ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def test_a_missing_prerequisite_is_printed_with_its_command_and_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    absent = needs.Prerequisite("Java 17 or later", "runs Kafka", None, "install java")
    present = needs.Prerequisite("Maven", "fetches Kafka once", "/usr/bin/mvn", "install maven")
    monkeypatch.setattr("devstack.prerequisites", lambda: (absent, present))
    assert main(["prerequisites"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "✗ Java 17 or later (runs Kafka) is missing. Install it with: install java",
        "✓ Maven (fetches Kafka once): /usr/bin/mvn",
    ]
    monkeypatch.setattr("devstack.prerequisites", lambda: (present,))
    assert main(["prerequisites"]) == 0


@pytest.mark.parametrize(("needed", "word"), [(True, "needed\n"), (False, "not needed\n")])
def test_whether_the_toolchain_wheels_are_needed_is_one_word(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, needed: bool, word: str
) -> None:
    monkeypatch.setattr("devstack.toolchain_needed", lambda: needed)
    assert main(["prerequisites", "--toolchain"]) == 0
    assert capsys.readouterr().out == word


def test_a_wrong_command_is_a_usage_error(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["upp"])
    assert ended.value.code == 2
    assert "invalid choice" in capsys.readouterr().err
