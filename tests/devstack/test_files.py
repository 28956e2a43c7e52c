"""Files are whole or absent; what is built is built once."""

from __future__ import annotations

import stat
import threading
import time
from pathlib import Path

import pytest

from devstack.files import built_once, fresh_partial, last_lines, locked, write_atomically


def test_a_file_is_replaced_whole_with_the_mode_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "secrets.json"
    target.write_text("old")
    write_atomically(target, "new", mode=0o600)
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(target, "\ud800")
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    inside: list[str] = []

    def enter(name: str) -> None:
        with locked(tmp_path / "lock"):
            inside.append(f"{name} in")
            time.sleep(0.05)
            inside.append(f"{name} out")

    threads = [threading.Thread(target=enter, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [entry.split()[0] for entry in inside]
    assert names[0::2] == names[1::2]
    assert sorted(set(names)) == ["a", "b", "c"]


def test_concurrent_callers_build_once_and_all_get_the_result(tmp_path: Path) -> None:
    builds: list[Path] = []
    found: list[str] = []

    def build(folder: Path) -> None:
        builds.append(folder)
        time.sleep(0.1)
        (folder / "opa").write_text("binary")

    def ask() -> None:
        found.append((built_once(tmp_path / "opa-1", build) / "opa").read_text())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert found == ["binary"] * 4


def test_a_failed_build_leaves_no_target_and_the_next_caller_builds(tmp_path: Path) -> None:
    target = tmp_path / "kafka-1"

    def fail(folder: Path) -> None:
        (folder / "half.jar").write_text("half")
        raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        built_once(target, fail)
    assert not target.exists()
    assert not list(tmp_path.glob("*partial*"))

    def succeed(folder: Path) -> None:
        (folder / "whole.jar").write_text("whole")

    built_once(target, succeed)
    assert [file.name for file in target.iterdir()] == ["whole.jar"]


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path: Path) -> None:
    leftover = tmp_path / ".kafka-1.partial.abc"
    leftover.mkdir()
    (leftover / "half.jar").write_text("half")

    def succeed(folder: Path) -> None:
        (folder / "whole.jar").write_text("whole")

    built_once(tmp_path / "kafka-1", succeed)
    assert not leftover.exists()


def test_a_partial_folder_starts_empty(tmp_path: Path) -> None:
    first = fresh_partial(tmp_path / "data")
    (first / "PG_VERSION").write_text("18")
    second = fresh_partial(tmp_path / "data")
    assert first == second
    assert list(second.iterdir()) == []


def test_the_last_lines_of_a_long_log_are_found_at_its_end(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {number}\n" for number in range(20_000)))
    assert last_lines(log, 2) == "line 19998\nline 19999"


def test_an_absent_and_an_empty_log_are_told_apart(tmp_path: Path) -> None:
    empty = tmp_path / "empty.log"
    empty.touch()
    assert last_lines(tmp_path / "absent.log", 3) == "(no log)"
    assert last_lines(empty, 3) == "(the log is empty)"
