"""Only a tool that is new enough counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack import toolchain

Program = Callable[[str, str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Puts a program on an otherwise empty search path, which says `answer`."""

    def make(name: str, answer: str) -> Path:
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\necho '{answer}' >&2\n")
        file.chmod(0o755)
        return file

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    for found in (toolchain.system_java, toolchain.system_go):
        found.cache_clear()
    yield make
    for found in (toolchain.system_java, toolchain.system_go):
        found.cache_clear()


@pytest.mark.parametrize("version", ["17.0.15", "21", "25.0.2"])
def test_a_java_that_kafka_runs_on_is_found(program: Program, version: str) -> None:
    java = program("java", f'openjdk version "{version}" 2026-01-20')
    assert toolchain.system_java() == java


@pytest.mark.parametrize("answer", ['openjdk version "11.0.2"', 'java version "1.8.0_392"', "no runtime"])
def test_a_java_that_is_too_old_or_broken_does_not_count(program: Program, answer: str) -> None:
    program("java", answer)
    assert toolchain.system_java() is None


def test_java_home_comes_before_the_search_path(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("java", 'openjdk version "17"')
    (tmp_path / "bin").mkdir()
    preferred = program("bin/java", 'openjdk version "21"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert toolchain.system_java() == preferred


def test_a_java_home_that_is_too_old_gives_way_to_the_search_path(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = program("java", 'openjdk version "17"')
    (tmp_path / "bin").mkdir()
    program("bin/java", 'openjdk version "11"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert toolchain.system_java() == good


@pytest.mark.parametrize(
    ("version", "counts"), [("go1.26.8", True), ("go1.27", True), ("go1.25.9", False), ("devel", False)]
)
def test_only_a_go_that_can_build_opa_counts(program: Program, version: str, counts: bool) -> None:
    go = program("go", f"go version {version} linux/amd64")
    assert toolchain.system_go() == (go if counts else None)


def test_a_tool_that_is_nowhere_is_not_found(program: Program) -> None:
    assert (toolchain.system_java(), toolchain.system_go(), toolchain.find_maven()) == (None, None, None)
