"""The Go project's own notes and trees (golang.org/x/mod) accept our log, and reject a flipped byte."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from audit_sink.ledger.tiles import Bundle, Tile
from devstack.toolchain import find_go
from tests.audit_sink.notarised import World

SOURCE = Path(__file__).parent / "go"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The verifier, built from its source and the modules that its go.sum names."""
    go = find_go()
    assert go is not None, "the independent verifier needs Go, as OPA does"
    built = tmp_path_factory.mktemp("go") / "verify"
    command = [str(go), "build", "-mod=readonly", "-o", str(built), "."]
    subprocess.run(command, cwd=SOURCE, check=True, timeout=240, env={**os.environ, "GOFLAGS": ""})
    return built


@pytest.fixture(scope="module")
def world() -> World:
    """Several checkpoints over full and partial tiles of two levels."""

    async def grow() -> World:
        world = World()
        for count in (200, 400, 700):
            world.append(count)
            await world.settle()
            world.now += timedelta(seconds=61)
        await world.settle()
        return world

    return asyncio.run(grow())


@pytest.fixture
def folder(world: World, tmp_path: Path) -> Path:
    return world.exported(tmp_path / "log")


def verified(program: Path, world: World, folder: Path, *indexes: int) -> subprocess.CompletedProcess[str]:
    arguments = [str(program), str(folder), world.trust().keys[0].vkey, *map(str, indexes)]
    return subprocess.run(arguments, check=False, capture_output=True, text=True)


def test_it_accepts_checkpoints_tiles_and_entries(program: Path, world: World, folder: Path) -> None:
    size = len(world.tables.entries)
    assert len(list((folder / "checkpoints").iterdir())) > 2
    ended = verified(program, world, folder, 0, 1, 255, 256, 511, 1_000, size - 1)
    assert (ended.stdout, ended.returncode) == (f"{size}\n", 0), ended.stderr


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def older_root(folder: Path) -> None:
    oldest = min((folder / "checkpoints").iterdir(), key=lambda file: int(file.name))
    flip(oldest, len(b"wall.example/log\n201\n") + 5)


def exchange_bundles(folder: Path) -> None:
    shutil.copy(folder / Bundle(1).path, folder / Bundle(0).path)


ATTACKS: dict[str, Callable[[Path], None]] = {
    "a bit of the checkpoint's size": lambda folder: flip(folder / "checkpoint", 18),
    "a bit of the signature": lambda folder: flip(folder / "checkpoint", 150),
    "a bit of a full tile": lambda folder: flip(folder / Tile(0, 0).path, 77),
    "a bit of an entry": lambda folder: flip(folder / Bundle(0).path, 100),
    "a bit of an older checkpoint's root": older_root,
    "another bundle": exchange_bundles,
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_it_rejects_what_was_altered(
    program: Path, world: World, folder: Path, attack: Callable[[Path], None]
) -> None:
    attack(folder)
    ended = verified(program, world, folder, 0)
    assert ended.returncode == 1, ended.stdout
    assert ended.stderr
