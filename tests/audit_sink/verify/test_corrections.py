"""A correction is worth what it names: an earlier entry of its lane, by its leaf hash."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from audit_sink.verify.__main__ import FAILED, HELD, main
from audit_sink.verify.log import LogCheck
from audit_sink.verify.proof import companions, prove
from audit_sink.verify.report import Report
from audit_sink.verify.sources import Folder
from schemas.leaf import decode_entry
from tests.audit_sink.notarised import ORIGIN, World

FALSE: dict[str, dict[str, object]] = {
    "another leaf": {"leaf_hash": "00" * 32},
    "no leaf at all": {"leaf_hash": "x"},
    "itself": {"lane_seq": 701},
    "a later entry": {"lane_seq": 705},
    "another lane": {"partition": 3},
    "another entry of the lane": {"lane_seq": 4},
}


async def grown(**claims: object) -> World:
    """A signed log of 700 events and a correction of the third."""
    world = World()
    world.append(700)
    world.correct(3, **claims)
    world.append(20)
    await world.settle()
    return world


async def found(world: World, folder: Path) -> Report:
    report = Report(ORIGIN)
    await LogCheck(Folder(folder), world.trust(), report, lambda done, total: None).run([], world.now)
    return report


def failed(report: Report) -> set[str]:
    return {name for name, check in report.checks.items() if not check.holds}


@pytest.mark.parametrize("lane_seq", [1, 256, 257, 512, 513, 700])
async def test_a_correction_of_any_earlier_entry_holds(tmp_path: Path, lane_seq: int) -> None:
    world = World()
    world.append(700)
    world.correct(lane_seq)
    await world.settle()
    report = await found(world, world.exported(tmp_path))
    assert report.finished
    assert failed(report) == set()
    assert report.checks["corrections"].compared == 1


@pytest.mark.parametrize("claims", FALSE.values(), ids=FALSE.keys())
async def test_a_false_correction_is_found(tmp_path: Path, claims: dict[str, object]) -> None:
    world = await grown(**claims)
    report = await found(world, world.exported(tmp_path))
    assert failed(report) == {"corrections"}
    assert [index for index, _ in report.checks["corrections"].problems] == [700]


@pytest.mark.parametrize("claims", FALSE.values(), ids=FALSE.keys())
async def test_the_notary_signs_a_false_correction_and_says_that_it_is_false(
    claims: dict[str, object],
) -> None:
    world = await grown(**claims)
    world.now += timedelta(seconds=61)
    await world.settle()
    said = [decode_entry(each)[0] for each in world.tables.statements]
    (refuted,) = [each for each in said if dict(each.headers)["ce_type"] == b"audit.correction_refuted"]
    assert b'"index":700' in (refuted.value or b"")
    assert world.signed().size == len(world.tables.entries)


async def test_a_notary_that_resumes_says_it_once_too() -> None:
    world = World()
    await world.settle()
    world.append(3)
    world.correct(1, leaf_hash="00" * 32)
    await world.start().round()
    before = len(world.tables.statements)
    for _ in range(3):
        world.now += timedelta(seconds=61)
        await world.settle()
    said = [decode_entry(each)[0] for each in world.tables.statements[before:]]
    types = [dict(each.headers)["ce_type"] for each in said]
    assert types.count(b"audit.correction_refuted") == 1


async def test_a_true_correction_is_not_refuted() -> None:
    world = await grown()
    world.now += timedelta(seconds=61)
    await world.settle()
    said = [decode_entry(each)[0] for each in world.tables.statements]
    assert b"audit.correction_refuted" not in {dict(each.headers)["ce_type"] for each in said}


async def test_proofs_of_both_are_written_and_checked_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = await grown()
    folder = world.exported(tmp_path / "log")
    assert await companions(Folder(folder), 2) == [700]
    assert await companions(Folder(folder), 700) == [2]
    assert await companions(Folder(folder), 5) == []
    paths = []
    for index in (700, 2):
        paths.append(tmp_path / f"{index}.tlog-proof")
        paths[-1].write_bytes((await prove(Folder(folder), index)).encode())
    trust = tmp_path / "trust.json"
    keys = [key.vkey for key in world.trust().keys]
    trust.write_text(json.dumps({"origin": ORIGIN, "keys": keys}))
    asked = ["verify", *map(str, paths), "--trust", str(trust)]
    assert await asyncio.to_thread(main, asked) == HELD
    assert "entry 700 corrects entry 2" in capsys.readouterr().out
    paths[1].write_bytes(paths[1].read_bytes().replace(b"index 2\n", b"index 3\n"))
    assert await asyncio.to_thread(main, asked) == FAILED
