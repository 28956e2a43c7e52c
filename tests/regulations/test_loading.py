"""Folders on disk: what is loaded, what is refused, and a new one that needs no change of code."""

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest

from regulations import RegulationsInvalid, ScaffoldRefused
from regulations.automation import Level, automation
from regulations.hub import FOLDER as HUB
from regulations.loader import FOLDER, Library, check, load, load_library
from regulations.problems import Kind
from regulations.scaffold import scaffold
from regulations.scope import select
from tests.regulations.folders import encoded, hub_files, small, small_files, small_hub


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def hub_folder(tmp_path: Path) -> Path:
    for place, files in hub_files().items():
        write(tmp_path / "controls" / place, files)
    return tmp_path / "controls"


def test_the_regulations_of_this_project_have_no_problem() -> None:
    for code in load_library().regulations:
        assert check(FOLDER / code) == []


def test_a_folder_on_disk_is_what_its_contents_are(tmp_path: Path) -> None:
    folder = write(tmp_path / "small", encoded(small_files()))
    assert load(folder, small_hub()) == small()


def test_hidden_and_generated_files_are_not_part_of_a_regulation(tmp_path: Path) -> None:
    folder = write(tmp_path / "small", encoded(small_files()) | {".cache": b"x", "__pycache__/a.pyc": b"y"})
    assert load(folder, small_hub()).version == small().version


def test_a_folder_with_problems_is_refused_with_all_of_them(tmp_path: Path) -> None:
    folder = write(tmp_path / "large", encoded(small_files() | {"mappings.csv": ""}))
    with pytest.raises(RegulationsInvalid) as refused:
        load(folder, small_hub())
    assert [problem.kind for problem in refused.value.problems] == [Kind.FILE_UNEXPECTED, Kind.CODE_DIFFERS]
    assert "large/mappings.csv:1: file_unexpected" in str(refused.value)


def test_a_library_is_refused_with_the_problems_of_every_folder_and_of_the_hub(
    tmp_path: Path, hub_folder: Path
) -> None:
    write(tmp_path / "all" / "one", encoded(small_files()))
    write(tmp_path / "all" / "two", {"controls.csv": b""})
    write(hub_folder / "tc_003", {"control.yaml": b"id: TC-003\n"})
    with pytest.raises(RegulationsInvalid) as refused:
        load_library(tmp_path / "all", hub_folder)
    assert {problem.file for problem in refused.value.problems} == {
        "controls/tc_003/control.yaml",
        "one/regulation.yaml",
        "two/mapping.csv",
        "two/regulation.yaml",
        "two/workflow.yaml",
    }


def test_a_check_of_one_folder_names_the_problems_of_the_hub_too(tmp_path: Path, hub_folder: Path) -> None:
    folder = write(tmp_path / "small", encoded(small_files()))
    assert check(folder, hub_folder) == []
    (hub_folder / "tc_002" / "check.rego").write_text("package check\n")
    assert [problem.kind for problem in check(folder, hub_folder)] == [Kind.CHECK_UNDECLARED]


def test_a_check_that_exists_makes_its_controls_available(tmp_path: Path, hub_folder: Path) -> None:
    write(tmp_path / "all" / "small", encoded(small_files()))
    control = hub_folder / "tc_001" / "control.yaml"
    control.write_text(control.read_text().replace("check: null", "check: check.rego"))
    (hub_folder / "tc_001" / "check.rego").write_text("package check\n")
    library = load_library(tmp_path / "all", hub_folder)
    answers = automation(library.regulations["small"], library.hub)
    assert answers.available.covered == {"A", "A(1)"}


def test_a_new_folder_is_valid_from_the_start_and_has_nothing_automatic(tmp_path: Path) -> None:
    folder = scaffold("nist_ai_rmf", tmp_path)
    assert check(folder) == []
    library = load_library(tmp_path)
    regulation = library.regulations["nist_ai_rmf"]
    assert len(select(regulation).controls) == 1
    assert automation(regulation, library.hub).planned.level is Level.NONE


def test_a_seventh_regulation_stands_beside_the_six_without_a_change_of_code(
    tmp_path: Path, library: Library
) -> None:
    for code in library.regulations:
        (tmp_path / code).symlink_to(FOLDER / code)
    scaffold("nist_ai_rmf", tmp_path)
    seven = load_library(tmp_path, HUB).regulations
    assert seven.keys() == {*library.regulations, "nist_ai_rmf"}
    assert {code: each.version for code, each in seven.items() if code in library.regulations} == {
        code: each.version for code, each in library.regulations.items()
    }


@pytest.mark.parametrize("code", ["", "NIST", "7th", "nist-ai", "a/b", "../up", "a" * 33])
def test_a_code_that_is_no_name_is_refused(tmp_path: Path, code: str) -> None:
    with pytest.raises(ScaffoldRefused):
        scaffold(code, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_as_it_is(tmp_path: Path) -> None:
    folder = scaffold("nist_ai_rmf", tmp_path)
    (folder / "workflow.yaml").write_text("mine\n")
    with pytest.raises(ScaffoldRefused, match="exists"):
        scaffold("nist_ai_rmf", tmp_path)
    assert (folder / "workflow.yaml").read_text() == "mine\n"


def test_every_table_of_this_project_has_unix_line_ends_and_no_stray_space() -> None:
    for file in sorted(FOLDER.glob("*/*.csv")):
        content = file.read_bytes().decode()
        assert "\r" not in content
        for record in csv.reader(content.splitlines()):
            assert [cell.strip() for cell in record] == record, file
