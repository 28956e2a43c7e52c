"""Verifiers that this project did not write accept our log and its proofs, and reject a flipped byte.

They need Python 3.12 or later and run in an environment of their own (requirements/verifiers.txt).
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_sink.ledger.tiles import Bundle
from audit_sink.verify.proof import prove
from audit_sink.verify.sources import Folder
from tests.audit_sink.notarised import World

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "verifiers.txt"
NAMES = ("python3.15", "python3.14", "python3.13", "python3.12")


SCALES = """
import json, sys
from tlog_scales.backend import make_backend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales import tiles
reader = TilesReader(make_backend(sys.argv[1]))
checkpoint = reader.get_checkpoint()
checkpoint.verify(Vkey.from_string(sys.argv[2]))
for index in json.loads(sys.argv[3]):
    entry = reader.get_entry(index)
    proof = reader.get_inclusion_proof(index, checkpoint.size)
    proof.check(tiles.leaf_hash(entry), checkpoint.root_hash)
print(checkpoint.size)
"""


def newer_python() -> str | None:
    """Some Python that the verifiers run on: on PATH, or of pyenv."""
    found = [path for name in NAMES if (path := shutil.which(name))]
    found += [str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.1[2-9].*/bin/python"))]
    for path in found:
        asked = subprocess.run(
            [path, "-c", "import sys, venv; sys.exit(sys.version_info < (3, 12))"], check=False
        )
        if asked.returncode == 0:
            return path
    return None


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of their environment's programs."""
    python = newer_python()
    if python is None:
        pytest.skip("no Python 3.12 or later is here: the independent verifiers were not asked")
    home = tmp_path_factory.mktemp("verifiers")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    for command in (
        [python, "-m", "venv", str(home)],
        [
            str(home / "bin" / "pip"),
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "--requirement",
            str(REQUIREMENTS),
        ],
    ):
        subprocess.run(command, check=True, env=environment, timeout=240)
    return home / "bin"


@pytest.fixture(scope="module")
def world() -> World:
    async def grow() -> World:
        world = World()
        for count in (200, 400, 700):
            world.append(count)
            await world.settle()
        return world

    return asyncio.run(grow())


@pytest.fixture
def folder(world: World, tmp_path: Path) -> Path:
    return world.exported(tmp_path / "log")


def key_of(world: World) -> str:
    """The log's Ed25519 key."""
    return world.trust().keys[0].vkey


def aics(programs: Path, *arguments: str) -> tuple[bool, dict[str, object]]:
    """An answer of ``aics-tlog``: whether it accepts, and what it says."""
    ended = subprocess.run([programs / "aics-tlog", *arguments], check=False, capture_output=True, text=True)
    assert ended.stdout, ended.stderr
    answer: dict[str, object] = json.loads(ended.stdout)
    return ended.returncode == 0, answer


def scales(programs: Path, folder: Path, key: str, indexes: list[int]) -> subprocess.CompletedProcess[str]:
    """Reads entries with ``tlog-scales``, each with its proof."""
    arguments = [str(programs / "python"), "-c", SCALES, str(folder), key, json.dumps(indexes)]
    return subprocess.run(arguments, check=False, capture_output=True, text=True)


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def test_aics_tlog_accepts_checkpoint_tiles_and_entries(programs: Path, world: World, folder: Path) -> None:
    accepted, answer = aics(programs, "verify-checkpoint", "--log-key", key_of(world), "--tiles", str(folder))
    assert accepted, answer
    assert answer["size"] == len(world.tables.entries)
    for index in (0, 255, 256, 1_000, len(world.tables.entries) - 1):
        leaf = folder / "leaf"
        leaf.write_bytes(world.tables.entries[index].entry)
        accepted, answer = aics(
            programs,
            *("verify-inclusion", "--log-key", key_of(world), "--tiles", str(folder)),
            *("--index", str(index), "--leaf", str(leaf)),
        )
        assert accepted, answer


def test_tlog_scales_accepts_checkpoint_and_entries(programs: Path, world: World, folder: Path) -> None:
    size = len(world.tables.entries)
    ended = scales(programs, folder, key_of(world), [0, 1, 255, 256, 511, 1_000, size - 1])
    assert ended.stdout == f"{size}\n", ended.stderr


def test_our_proof_is_the_one_that_tlog_scales_makes(programs: Path, world: World, folder: Path) -> None:
    for index in (0, 300, len(world.tables.entries) - 1):
        ours = asyncio.run(prove(Folder(folder), index)).encode().decode().split("\n")
        theirs = subprocess.run(
            [programs / "tlog-tiles", "gen-proof", str(folder), str(index)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\n")
        assert [line for line in ours if not line.startswith("extra ")] == theirs


ATTACKS: dict[str, Callable[[Path], None]] = {
    "a bit of the checkpoint's size": lambda folder: flip(folder / "checkpoint", 18),
    "a bit of the signature": lambda folder: flip(folder / "checkpoint", 150),
    "a bit of a full tile": lambda folder: flip(folder / "tile/0/000", 77),
    "a bit of an entry": lambda folder: flip(folder / Bundle(0).path, 100),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_both_reject_a_flipped_byte(
    programs: Path, world: World, folder: Path, attack: Callable[[Path], None]
) -> None:
    attack(folder)
    assert scales(programs, folder, key_of(world), [0]).returncode != 0
    leaf = folder / "leaf"
    leaf.write_bytes((folder / Bundle(0).path).read_bytes()[2:][: len(world.tables.entries[0].entry)])
    accepted, _ = aics(
        programs,
        *("verify-inclusion", "--log-key", key_of(world), "--tiles", str(folder)),
        *("--index", "0", "--leaf", str(leaf)),
    )
    assert not accepted
