"""Checks in processes of their own: others need not wait, and a process that dies is replaced."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from rego import CheckUnavailable
from rego.apart import ExaminerApart
from rego.findings import Accepted, Refused
from rego.submission import Checker
from tests.policies.modules import ALLOW, policy
from tests.policies.sets import GATE_SET

WIDE = policy(f"x := [{', '.join(['data.acme.gate.allow'] * 5_000)}]")
"""Its syntax trees keep a process busy for a second."""

TURN_S = 0.01


@pytest.fixture
async def examiner(opa_binary: str) -> AsyncIterator[ExaminerApart]:
    apart = ExaminerApart(opa_binary)
    yield apart
    await apart.close()


def children() -> list[psutil.Process]:
    """The processes that examine for this one."""
    return [each for each in psutil.Process().children() if "rego.apart" in each.cmdline()]


async def at_work(child: psutil.Process) -> None:
    """Returns once the process runs an OPA."""
    while True:
        if child.children():
            return
        await asyncio.sleep(TURN_S)


async def test_a_process_apart_says_what_this_one_says(examiner: ExaminerApart, opa_binary: str) -> None:
    here, apart = Checker(opa_binary), Checker(examiner)
    for source in (ALLOW, policy("x := http.send({})"), "package", GATE_SET):
        said, expected = [await each.check("acme", "p-1", 1, source) for each in (apart, here)]
        if isinstance(said, Accepted) and isinstance(expected, Accepted):
            assert (said.loaded, said.package, said.warnings) == (
                expected.loaded,
                expected.package,
                expected.warnings,
            )
            assert (said.report.tests, said.report.inputs) == (expected.report.tests, expected.report.inputs)
        else:
            assert said == expected


async def test_reading_a_large_tree_keeps_nobody_else_waiting(examiner: ExaminerApart) -> None:
    checker = Checker(examiner)
    await checker.check("acme", "p-1", 1, ALLOW)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(TURN_S)
            turns += 1

    beside, before = asyncio.create_task(others()), time.process_time()
    result = await checker.check("acme", "p-1", 2, WIDE)
    spent = time.process_time() - before
    beside.cancel()
    with suppress(asyncio.CancelledError):
        await beside
    assert isinstance(result, Accepted), result
    assert turns > 20
    assert spent < 0.3, "the trees are read elsewhere"


async def test_a_process_that_dies_costs_its_candidate_alone(examiner: ExaminerApart) -> None:
    checker = Checker(examiner)
    await checker.check("acme", "p-1", 1, ALLOW)
    (child,) = children()
    checking = asyncio.create_task(checker.check("acme", "p-1", 2, WIDE))
    await at_work(child)
    os.kill(child.pid, signal.SIGKILL)
    result = await checking
    assert isinstance(result, Refused)
    assert [each.rule for each in result.findings] == ["resource_limit"]
    assert isinstance(await checker.check("acme", "p-1", 3, ALLOW), Accepted)
    assert [each.pid for each in children()] != [child.pid]


async def test_a_process_that_hangs_is_ended(
    examiner: ExaminerApart, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker = Checker(examiner)
    await checker.check("acme", "p-1", 1, ALLOW)
    (child,) = children()
    child.suspend()
    monkeypatch.setattr("rego.apart.GRACE_S", 0.1)
    monkeypatch.setattr("rego.apart.WALL_S", 0.1)
    result = await checker.check("acme", "p-1", 2, ALLOW)
    assert isinstance(result, Refused)
    assert not child.is_running()


async def test_a_process_knows_no_setting_of_ours(
    examiner: ExaminerApart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUMOS_DATABASE_URL", "postgresql://secret")
    await Checker(examiner).check("acme", "p-1", 1, ALLOW)
    (child,) = children()
    assert not any(name.startswith("AUMOS_") for name in child.environ())


async def test_as_many_processes_as_checks_at_once_and_none_once_it_is_closed(
    examiner: ExaminerApart,
) -> None:
    checker = Checker(examiner)
    await asyncio.gather(*(checker.check("acme", "p-1", number, ALLOW) for number in range(1, 7)))
    assert len(children()) == 2
    await examiner.close()
    assert children() == []


async def test_without_an_opa_nothing_is_said(tmp_path: Path) -> None:
    nowhere = ExaminerApart(str(tmp_path / "opa"))
    with pytest.raises(CheckUnavailable, match="no OPA binary"):
        await Checker(nowhere).check("acme", "p-1", 1, ALLOW)
    await nowhere.close()
