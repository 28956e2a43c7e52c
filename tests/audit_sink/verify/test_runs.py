"""Runs that stop and go on, runs in several processes, quick looks, and values kept outside their entries."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from audit_sink.errors import Diverged
from audit_sink.ledger.tiles import WIDTH, Bundle, Tile, decode_bundle, encode_bundle
from audit_sink.verify import fetching
from audit_sink.verify.__main__ import main
from audit_sink.verify.export import export
from audit_sink.verify.log import LogCheck
from audit_sink.verify.quick import QuickCheck
from audit_sink.verify.report import Report
from audit_sink.verify.sources import Folder
from audit_sink.verify.state import Kept
from tests.audit_sink.lane_events import event
from tests.audit_sink.notarised import ORIGIN, A, World

LARGE = b"v" * 100_000


@pytest.fixture(scope="module")
def world() -> World:
    """Some thousand entries, one of them large, several checkpoints and anchors."""

    async def grow() -> World:
        world = World()
        for count in (700, 900, 800):
            world.append(count)
            await world.settle()
            world.now += timedelta(seconds=61)
        append_large(world)
        await world.settle()
        return world

    return asyncio.run(grow())


def append_large(world: World) -> None:
    world.written += 1
    large = replace(event(A, world.written), value=LARGE)
    world.tables.add(world.log.of([large]))


@pytest.fixture
def folder(world: World, tmp_path: Path) -> Path:
    return world.exported(tmp_path / "log")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of two bundles, so that a small log has many."""
    monkeypatch.setattr(fetching, "CHUNK", 2 * WIDTH)
    monkeypatch.setattr(fetching, "SMALL", 2 * WIDTH)


async def found(
    world: World, folder: Path, kept: Kept | None = None, stop_at: int | None = None, jobs: int = 1
) -> Report:
    """A whole run; it is killed once it has come to ``stop_at``."""

    def progress(done: int, total: int) -> None:
        if stop_at is not None and done >= stop_at:
            raise KeyboardInterrupt

    report = Report(ORIGIN)
    check = LogCheck(Folder(folder), world.trust(), report, progress, kept, jobs)
    await check.run([], world.now)
    return report


def failed(report: Report) -> set[str]:
    return {name for name, check in report.checks.items() if not check.holds}


def nothing(folder: Path) -> None:
    """Leaves the log as it is."""


def edit_an_entry(folder: Path) -> None:
    file = folder / Bundle(3).path
    entries = decode_bundle(file.read_bytes())
    file.write_bytes(encode_bundle([*entries[:5], entries[6], entries[5], *entries[7:]]))


def drop_a_tile(folder: Path) -> None:
    (folder / Tile(0, 2).path).unlink()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("attack", [nothing, edit_an_entry, drop_a_tile])
@pytest.mark.parametrize("stop_at", [512, 1_536, 2_048])
async def test_a_run_that_was_killed_goes_on_and_finds_the_same(
    world: World, folder: Path, tmp_path: Path, attack: Callable[[Path], None], stop_at: int
) -> None:
    attack(folder)
    whole = (await found(world, folder)).document()
    for _ in range(2):  # killed twice
        with pytest.raises(KeyboardInterrupt):
            await found(world, folder, Kept(tmp_path / "state", world.trust(), every_s=0), stop_at)
    kept = Kept(tmp_path / "state", world.trust(), every_s=0)
    before = kept.part("files")
    assert before is not None
    assert before["frontier"]["size"] >= stop_at
    again = await found(world, folder, kept)
    assert again.document() == whole
    assert whole["holds"] is (attack is nothing)


@pytest.mark.usefixtures("small_chunks")
async def test_a_run_goes_on_with_its_own_trust_only(world: World, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        await found(world, folder, Kept(tmp_path / "state", world.trust(), every_s=0), 512)
    other = replace(world.trust(), guards=("ab" * 32,))
    assert Kept(tmp_path / "state", other).part("files") is None


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("attack", [nothing, edit_an_entry])
async def test_several_processes_find_what_one_finds(
    world: World, folder: Path, attack: Callable[[Path], None]
) -> None:
    attack(folder)
    alone = await found(world, folder)
    assert (await found(world, folder, jobs=2)).document() == alone.document()


async def test_an_untouched_log_holds_with_its_values(world: World, folder: Path) -> None:
    report = await found(world, folder)
    assert failed(report) == set()
    assert report.checks["values"].compared == 1


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(LARGE[:-1] + b"w")])
async def test_a_value_that_is_gone_or_altered_is_found(
    world: World, folder: Path, damage: Callable[[Path], None]
) -> None:
    (file,) = (folder / "blob").iterdir()
    damage(file)
    assert failed(await found(world, folder)) == {"values"}


async def test_an_export_carries_the_values(world: World, folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy"
    async for _ in export(Folder(folder), copied):
        pass
    assert failed(await found(world, copied)) == set()
    assert [file.read_bytes() for file in (copied / "blob").iterdir()] == [LARGE]


async def test_a_notary_signs_no_entry_whose_value_is_another() -> None:
    world = World()
    append_large(world)
    world.tables.large = dict.fromkeys(world.tables.large, LARGE[:-1])
    with pytest.raises(Diverged, match="that an entry names is not in the wall"):
        await world.start().round()
    assert "edge/checkpoint" not in world.shelf.objects


async def quick(world: World, folder: Path, newest: int = 300, sample: int = 64) -> Report:
    report = Report(ORIGIN)
    await QuickCheck(Folder(folder), world.trust(), report, newest, sample).run([], world.now)
    return report


async def test_a_quick_look_holds_and_says_what_it_left_out(world: World, folder: Path) -> None:
    report = await quick(world, folder)
    assert failed(report) == set()
    assert report.finished
    assert report.looked_at is not None
    assert 300 <= report.looked_at - 64 < 300 + WIDTH
    assert {"tenant", "tiles", "columns"} <= set(report.not_covered())
    assert report.checks["consistency"].compared == len(report.signed_sizes)


async def test_a_quick_look_at_a_small_log_reads_all_of_it(world: World, folder: Path) -> None:
    report = await quick(world, folder, newest=10_000)
    assert failed(report) == set()
    assert report.looked_at == report.size
    assert report.checks["tenant"].compared


async def test_a_quick_look_finds_an_edited_entry_where_it_looks(world: World, folder: Path) -> None:
    edit_an_entry(folder)
    report = await quick(world, folder, sample=2_048)
    assert failed(report) == {"root"}
    assert {index for index, _ in report.checks["root"].problems} == {3 * WIDTH + 5, 3 * WIDTH + 6}


async def test_a_quick_look_finds_an_edited_newest_entry(world: World, folder: Path) -> None:
    place, width = divmod(len(world.tables.entries), WIDTH)
    file = folder / Bundle(place, width).path
    entries = decode_bundle(file.read_bytes())
    file.write_bytes(encode_bundle([entries[1], entries[0], *entries[2:]]))
    assert {"root", "lanes"} <= failed(await quick(world, folder))


async def test_a_quick_look_finds_a_second_history(world: World, folder: Path, tmp_path: Path) -> None:
    other = World(secret=world.secret)
    other.append(30, ("someone",))
    await other.settle()
    (folder / "checkpoints" / "30").write_bytes(other.shelf.objects["edge/checkpoint"])
    assert failed(await quick(world, folder)) == {"consistency"}


async def test_a_quick_look_without_its_tiles_fails(world: World, folder: Path) -> None:
    drop_a_tile(folder)
    report = await quick(world, folder, sample=2_048)
    assert "tiles" in failed(report)
    assert not report.finished


def command(world: World, folder: Path, *more: str) -> list[str]:
    trust = folder / "trust.json"
    trust.write_text(json.dumps({"origin": ORIGIN, "keys": [key.vkey for key in world.trust().keys]}))
    return ["verify", "--folder", str(folder), "--trust", str(trust), *more]


def test_the_exit_codes_say_how_it_ended(
    world: World, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The log of the tests spoke long ago, so a whole run fails, and by `fresh` alone.
    assert main(command(world, folder, "--json", "--state", str(tmp_path / "state"))) == 1
    document = json.loads(capsys.readouterr().out)
    assert [check["name"] for check in document["checks"] if not check["holds"]] == ["fresh"]
    assert not (tmp_path / "state").exists()
    assert main(command(world, folder, "--quick", "--json")) == 1
    assert json.loads(capsys.readouterr().out)["looked_at"] == document["size"]
    assert main(command(world, folder, "--quick", "--state", str(tmp_path / "state"))) == 2
    assert main(command(world, folder, "--source")) == 2
    assert main(["verify", "--folder", str(folder), "--trust", str(tmp_path / "none")]) == 2
    (folder / "checkpoint").unlink()
    assert main(command(world, folder)) == 1
    assert "FAILED note" in capsys.readouterr().out
