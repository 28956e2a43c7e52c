"""A log whose files lack a range that it pruned is verified by what is left; any other hole is found."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from audit_sink.ledger.tiles import Bundle, Tile
from audit_sink.ledger.tree import RightEdge
from audit_sink.verify.__main__ import UNFINISHED, main
from audit_sink.verify.log import LogCheck
from audit_sink.verify.quick import QuickCheck
from audit_sink.verify.report import PrunedRange, Report
from audit_sink.verify.said import Said
from audit_sink.verify.sources import Folder
from audit_sink.verify.state import Kept
from audit_sink.wall import Lane
from schemas.leaf import decode_entry
from tests.audit_sink.lane_events import retention
from tests.audit_sink.notarised import ORIGIN, World

AUDIT = Lane("governance.compliance.events.v1", 0)
END = 512


async def grown(
    end: int = END, root: bytes | None = None, says: bool = True, leaf: str | None = None
) -> World:
    """Some 1,300 entries of two tenants under several anchors; the log says that the first 512 are pruned."""
    world = World()
    world.append(600)
    await world.settle()
    if says:
        said = retention(AUDIT, 1, 0, end, root or root_of(world))
        world.tables.add(world.log.of([said]))
    for count in (250, 400):
        world.append(count)
        world.correct(3, **({"leaf_hash": leaf} if leaf else {}))
        world.correct(world.written - 300)
        world.now += timedelta(seconds=61)
        await world.settle()
    return world


def root_of(world: World) -> bytes:
    return RightEdge().extend(world.leaves()[:END]).root()


def without(folder: Path, *places: int) -> Path:
    """The folder without these bundles of entries."""
    for place in places:
        (folder / Bundle(place).path).unlink()
    return folder


async def found(world: World, folder: Path, kept: Kept | None = None, stop_at: int | None = None) -> Report:
    report = Report(ORIGIN)

    def progress(done: int, total: int) -> None:
        if stop_at is not None and done >= stop_at:
            raise KeyboardInterrupt

    await LogCheck(Folder(folder), world.trust(), report, progress, kept).run([], world.now)
    return report


def failed(report: Report) -> set[str]:
    return {name for name, check in report.checks.items() if not check.holds}


async def test_a_pruned_range_is_named_and_everything_else_is_checked(tmp_path: Path) -> None:
    world = await grown()
    whole = await found(world, world.exported(tmp_path / "whole"))
    report = await found(world, without(world.exported(tmp_path / "log"), 0, 1))
    assert report.finished
    assert report.holds, report.document()
    assert report.pruned == [PrunedRange(0, END, root_of(world).hex())]
    assert report.heads_from == END
    assert whole.pruned == []
    for name in whole.checks.keys() - {"size", "bytes", "lanes", "tenant", "tiles"}:
        assert report.checks[name].compared == whole.checks[name].compared, name
    assert report.checks["lanes"].compared == report.size - END


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ((0, 1), {"says": False}),
        ((0, 1), {"end": 256}),
        ((0, 1), {"root": bytes(32)}),
        ((0, 1, 2), {}),
        ((3,), {}),
    ],
)
async def test_what_is_gone_without_the_logs_word_is_found(
    tmp_path: Path, gone: tuple[int, ...], said: dict[str, object]
) -> None:
    world = await grown(**said)  # type: ignore[arg-type]
    report = await found(world, without(world.exported(tmp_path), *gone))
    assert failed(report) == {"size"}, report.document()


async def test_hashes_of_a_pruned_range_that_were_exchanged_are_found(tmp_path: Path) -> None:
    world = await grown()
    folder = without(world.exported(tmp_path), 0, 1)
    tile = folder / Tile(0, 1).path
    data = bytearray(tile.read_bytes())
    data[40] ^= 1
    tile.write_bytes(data)
    assert {"root", "consistency"} <= failed(await found(world, folder))


async def test_a_correction_of_what_is_pruned_names_a_leaf_of_the_range(tmp_path: Path) -> None:
    world = await grown(leaf="00" * 32)
    report = await found(world, without(world.exported(tmp_path), 0, 1))
    assert failed(report) == {"corrections"}, report.document()
    assert report.checks["corrections"].broken == 2


async def test_a_lane_that_lost_an_entry_in_the_range_is_found_by_the_count(tmp_path: Path) -> None:
    world = await grown()
    context = next(
        record
        for each in reversed(world.tables.entries)
        if dict((record := decode_entry(each.entry)[0]).headers)["ce_type"] == b"audit.checkpoint_context"
    )
    body = json.loads(context.value or b"")
    for lacking in (0, 1):
        body["lanes"][0]["next_lane_seq"] -= lacking
        report = Report(ORIGIN)
        said = Said(report, world.trust())
        said.pass_over([b"".join(world.leaves()[: body["size"]])])
        said.hear(9_999, replace(context, value=json.dumps(body).encode()))
        assert report.checks["root"].holds
        assert failed(report) == ({"lanes"} if lacking else set())


async def test_a_hole_with_neither_entries_nor_hashes_ends_the_run(tmp_path: Path) -> None:
    world = await grown()
    folder = without(world.exported(tmp_path), 0, 1)
    (folder / Tile(0, 0).path).unlink()
    report = await found(world, folder)
    assert report.checks["size"].problems == [(0, "the entries from 0 on are not there")]


async def test_a_run_goes_on_after_a_pruned_range(tmp_path: Path) -> None:
    world = await grown()
    folder, state = without(world.exported(tmp_path / "log"), 0, 1), tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        await found(world, folder, Kept(state, world.trust(), every_s=0), stop_at=END + 1)
    assert state.exists()
    resumed = await found(world, folder, Kept(state, world.trust()))
    assert resumed.document() == (await found(world, folder)).document()


async def test_a_bounded_run_leaves_what_is_gone_to_the_whole_one(tmp_path: Path) -> None:
    world = await grown()
    folder = without(world.exported(tmp_path), 0, 1)
    report = Report(ORIGIN)
    await QuickCheck(Folder(folder), world.trust(), report, newest=10, sample=600).run([], world.now)
    assert report.holds
    assert not report.finished
    assert set(report.unread) == {0, 256}


def test_the_command_line_names_the_range(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = asyncio.run(grown())
    folder, trust = without(world.exported(tmp_path / "log"), 0, 1), tmp_path / "trust.json"
    trust.write_text(json.dumps({"origin": ORIGIN, "keys": [key.vkey for key in world.trust().keys]}))
    asked = ["verify", "--folder", str(folder), "--trust", str(trust)]
    main(asked)
    printed = capsys.readouterr().out
    assert (
        f"pruned: entries 0 to 511, as the log says; their hashes, of root {root_of(world).hex()}" in printed
    )
    assert "not compared: what entry 512 and later ones say about tenants" in printed
    main([*asked, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["pruned"] == [{"first": 0, "end": END, "root": root_of(world).hex()}]
    assert main([*asked, "--quick", "--newest", "10", "--sample", "600"]) in {1, UNFINISHED}
