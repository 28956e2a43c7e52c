"""Following ``docs/adding-a-regulation.md`` step by step gives a regulation that can be used."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from regulations.automation import Automated, Level, automated, automation
from regulations.loader import FOLDER, check, load_library
from regulations.scaffold import scaffold
from regulations.scope import select

PAGE = FOLDER.parent / "docs" / "adding-a-regulation.md"
CODE = "nist_ai_rmf"


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.fixture
def followed(tmp_path: Path) -> Path:
    """The page followed up to the first check."""
    folder = scaffold(CODE, tmp_path)
    for content in blocks("csv"):
        name = "controls.csv" if content.startswith("id,") else "mapping.csv"
        (folder / name).write_text(content)
    (description,) = blocks("yaml")
    (folder / "regulation.yaml").write_text(description)
    return folder


def test_the_first_check_reports_what_the_page_shows(followed: Path) -> None:
    (shown,) = blocks("text")
    assert [str(problem) for problem in check(followed)] == shown.splitlines()


def test_after_the_last_step_the_regulation_can_be_used(followed: Path) -> None:
    (shown,) = blocks("text")
    (catalogue_hash,) = re.findall(r"sha256:[0-9a-f]{64}", shown)
    description = followed / "regulation.yaml"
    description.write_text(description.read_text().replace("sha256:0", catalogue_hash))
    assert check(followed) == []

    library = load_library(followed.parent)
    regulation = library.regulations[CODE]
    assert [control.id for control in select(regulation, {"function": ["map"]}).controls] == [
        "GOVERN 1.1",
        "GOVERN 1.6",
    ]
    assert automation(regulation, library.hub).planned.level is Level.PARTIAL
    assert list(automated(regulation, library.hub).values()) == [
        Automated.MANUAL,
        Automated.PLANNED,
        Automated.PARTLY,
    ]


def test_the_page_uses_the_three_commands_and_no_other() -> None:
    steps: dict[str, Callable[..., object]] = {"new": scaffold, "check": check, "show": load_library}
    commands = [line.split() for block in blocks("sh") for line in block.splitlines()]
    assert [command[2] for command in commands] == list(steps)
    assert {(command[0], command[1], command[3]) for command in commands} == {
        ("governance", "regulations", CODE)
    }


def test_the_page_names_every_file_that_a_folder_may_hold() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in sorted({path.name for path in FOLDER.glob("[!_]*/*.*")}):
        assert f"`{name}`" in text
