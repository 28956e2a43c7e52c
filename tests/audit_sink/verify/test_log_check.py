"""Every attack on a log's files trips the check that is named for it; an untouched log passes."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from audit_sink.ledger.checkpoint import Checkpoint
from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.keys import ML_DSA_44, new_secret, signer
from audit_sink.ledger.note import Note
from audit_sink.ledger.proof_file import read_proof_file
from audit_sink.ledger.tiles import Bundle, Tile, decode_bundle, encode_bundle
from audit_sink.verify.log import LogCheck
from audit_sink.verify.proof import check_proof, prove
from audit_sink.verify.report import Report
from audit_sink.verify.sources import Folder
from audit_sink.wall import Lane
from schemas.leaf import encode_entry, leaf_hash
from tests.audit_sink.lane_events import events
from tests.audit_sink.notarised import ORIGIN, START, World

LANE = Lane("governance.policy.events.v1", 0)

OFFLINE = {
    *("note", "size", "bytes", "tiles", "root", "consistency", "lanes", "tenant", "corrections"),
    *("guard", "fresh"),
}


@pytest.fixture(scope="module")
def world() -> World:
    """Some hundred entries with several checkpoints and anchors."""

    async def grow() -> World:
        world = World()
        for count in (5, 250, 300):
            world.append(count)
            world.correct(3)
            await world.settle()
            world.now += timedelta(seconds=61)
        await world.settle()
        return world

    return asyncio.run(grow())


@pytest.fixture
def folder(world: World, tmp_path: Path) -> Path:
    return world.exported(tmp_path / "log")


async def found(world: World, folder: Path, since: list[bytes] | None = None, late: float = 1) -> Report:
    report = Report(ORIGIN)
    check = LogCheck(Folder(folder), world.trust(), report, lambda done, total: None)
    await check.run(since or [], world.now + timedelta(seconds=late))
    return report


def failed(report: Report) -> set[str]:
    return {name for name, check in report.checks.items() if not check.holds}


def edit(folder: Path, place: int, change: Callable[[list[bytes]], list[bytes]], width: int = 256) -> None:
    file = folder / Bundle(place, width).path
    file.write_bytes(encode_bundle(change(decode_bundle(file.read_bytes()))))


async def test_an_untouched_log_passes_every_check(world: World, folder: Path) -> None:
    report = await found(world, folder)
    assert report.finished
    assert failed(report) == set()
    assert set(report.checks) == OFFLINE
    assert report.size == len(world.tables.entries)
    assert all(check.compared for check in report.checks.values())
    assert len(report.signed_sizes) > 3


async def test_an_edited_entry_is_found(world: World, folder: Path) -> None:
    edit(folder, 0, lambda entries: [*entries[:7], entries[7][:-1] + b"\x00", *entries[8:]])
    assert {"root", "tiles", "consistency"} <= failed(await found(world, folder))


async def test_reordered_entries_are_found(world: World, folder: Path) -> None:
    edit(folder, 0, lambda entries: [*entries[:9], entries[10], entries[9], *entries[11:]])
    assert {"root", "lanes"} <= failed(await found(world, folder))


async def test_a_removed_entry_is_found(world: World, folder: Path) -> None:
    edit(folder, 0, lambda entries: entries[:3] + entries[4:])
    report = await found(world, folder)
    assert {"size", "root"} <= failed(report)
    assert report.checks["size"].problems[0][0] == 255


async def test_an_entry_that_is_no_event_is_found(world: World, folder: Path) -> None:
    edit(folder, 0, lambda entries: [*entries[:3], b"\xa0", *entries[4:]])
    report = await found(world, folder)
    assert "bytes" in failed(report)
    assert report.checks["bytes"].problems[0][0] == 3


async def test_a_cut_tail_is_found(world: World, folder: Path) -> None:
    for file in (folder / "tile/entries").glob("002*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    report = await found(world, folder)
    assert "size" in failed(report)
    assert report.checks["size"].problems[0][0] == 512


async def test_a_swapped_tile_is_found(world: World, folder: Path) -> None:
    (folder / "tile/0/000").write_bytes((folder / "tile/0/001").read_bytes())
    assert failed(await found(world, folder)) == {"tiles"}


async def test_a_forged_checkpoint_is_found(world: World, folder: Path) -> None:
    checkpoint = Checkpoint(ORIGIN, 3, bytes(32)).text()
    forged = Note(checkpoint, (signer(ORIGIN, new_secret()).sign(checkpoint, 0),))
    (folder / "checkpoint").write_bytes(forged.encode())
    report = await found(world, folder)
    assert failed(report) == {"note"}
    assert not report.finished


async def test_a_second_history_is_found_by_whoever_kept_a_checkpoint(world: World, tmp_path: Path) -> None:
    other = World(secret=world.secret)
    other.append(30, ("someone",))
    await other.settle()
    kept = other.shelf.objects["edge/checkpoint"]
    report = await found(world, world.exported(tmp_path / "log"), since=[kept])
    assert {"root", "consistency"} <= failed(report)


async def test_an_old_checkpoint_played_back_is_found(world: World, folder: Path) -> None:
    newest = (folder / "checkpoint").read_bytes()
    sizes = sorted(int(file.name) for file in (folder / "checkpoints").iterdir())
    (folder / "checkpoint").write_bytes((folder / "checkpoints" / str(sizes[0])).read_bytes())
    assert "fresh" in failed(await found(world, folder))
    for size in sizes[1:]:
        (folder / "checkpoints" / str(size)).unlink()
    assert "fresh" in failed(await found(world, folder, since=[newest]))


async def test_silence_is_found(world: World, folder: Path) -> None:
    assert failed(await found(world, folder, late=600)) == {"fresh"}


async def test_a_weakened_guard_is_found(tmp_path: Path) -> None:
    world = World()
    await world.settle()
    world.now += timedelta(seconds=61)
    world.tables.unguarded = ("gov_audit_batches: refusing triggers",)
    await world.settle()
    assert failed(await found(world, world.exported(tmp_path))) == {"guard"}


async def test_another_guard_than_the_trusted_one_is_found(world: World, folder: Path) -> None:
    report = Report(ORIGIN)
    trust = replace(world.trust(), guards=("ab" * 32,))
    await LogCheck(Folder(folder), trust, report, lambda done, total: None).run([], world.now)
    assert failed(report) == {"guard"}


async def test_an_event_that_a_dishonest_sink_and_notary_left_out_is_found(tmp_path: Path) -> None:
    world = World()
    written = [each for each in events(LANE, 1, 9) if each.lane_seq != 4]
    leave(world, tmp_path, [encode_entry(each)[0] for each in written])
    report = await found(world, tmp_path)
    assert "lanes" in failed(report)
    assert report.checks["lanes"].problems[0][0] == 3


def leave(world: World, folder: Path, entries: list[bytes]) -> None:
    """A log of any entries, properly signed."""
    frontier, _ = Frontier().extend([leaf_hash(each) for each in entries])
    text = Checkpoint(ORIGIN, frontier.size, frontier.edge().root()).text()
    keys = (signer(ORIGIN, world.secret), signer(ORIGIN, world.secret, ML_DSA_44))
    files = {
        "checkpoint": Note(text, tuple(key.sign(text, 0) for key in keys)).encode(),
        Tile(0, 0, frontier.size).path: b"".join(frontier.rows[0]),
        Bundle(0, frontier.size).path: encode_bundle(entries),
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


async def test_a_proof_holds_until_a_byte_of_it_changes(world: World, folder: Path) -> None:
    file = await prove(Folder(folder), 300)
    assert check_proof(read_proof_file(file.encode()), world.trust()).size == len(world.tables.entries)
    data = file.encode()
    for place in range(0, len(data), 37):
        damaged = data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]
        with pytest.raises(Exception, match=r".") as caught:
            check_proof(read_proof_file(damaged), world.trust())
        assert type(caught.value).__name__ == "BadNote"


async def test_an_entry_beyond_the_checkpoint_has_no_proof(world: World, folder: Path) -> None:
    with pytest.raises(ValueError, match="not under the newest checkpoint"):
        await prove(Folder(folder), len(world.tables.entries))


async def test_the_time_of_the_first_and_last_word_is_told(world: World, folder: Path) -> None:
    report = await found(world, folder)
    assert report.times[0].startswith(START.strftime("%Y-%m-%dT%H:%M"))
