"""`python -m devstack`, as far as it goes without servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devstack import Stack, needs
from devstack.__main__ import main
from devstack.layout import PROJECT_ROOT

Capture = pytest.CaptureFixture[str]


def test_without_a_stack_the_command_that_starts_one_is_named(tmp_path: Path, capsys: Capture) -> None:
    assert main(["--dir", str(tmp_path), "status"]) == 1
    assert "start one with: governance up" in capsys.readouterr().err


def test_down_without_a_stack_is_no_error(tmp_path: Path, capsys: Capture) -> None:
    assert main(["--dir", str(tmp_path), "down"]) == 0
    assert capsys.readouterr().out == "nothing was running\n"


def test_a_stack_is_brought_up_looked_at_and_taken_down(small_stack: Path, capsys: Capture) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        code = main(["--dir", str(small_stack), *arguments])
        return code, capsys.readouterr().out

    code, shown = run("up", "--workers", "2")
    assert code == 0
    for name in ("migrations", "sink", "worker-0", "worker-1"):
        assert f"✓ {name}" in shown
    code, shown = run("status", "--json")
    assert code == 0
    assert {each["name"]: each["state"] for each in json.loads(shown)} == {
        "sink": "running",
        "worker-0": "running",
        "worker-1": "running",
    }
    code, shown = run("migrate")
    assert code == 0
    assert "✓ migrations" in shown
    code, shown = run("env", "worker", "--json")
    assert code == 0
    values = json.loads(shown)
    code, shown = run("env", "worker")
    assert shown.splitlines()[0].startswith("export AUMOS_DATABASE_URL=postgresql://gov_agents:")
    assert len(shown.splitlines()) == len(values)
    code, shown = run("down", "--purge")
    assert code == 0
    assert shown.splitlines()[-1] == "stopped 3 component(s)"
    assert not small_stack.exists()


def test_a_crash_is_an_error_of_status_and_the_log_is_shown(small_stack: Path, capsys: Capture) -> None:
    main(["--dir", str(small_stack), "up"])
    Stack.load(small_stack).kill("sink")
    capsys.readouterr()
    assert main(["--dir", str(small_stack), "status"]) == 1
    shown = capsys.readouterr().out
    assert f"sink crashed; {small_stack / 'logs' / 'sink.log'} ends with:" in shown


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
