"""No two stacks get the same port."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.ports import allocate, is_free, release
from devstack.settings import DERIVED_PORT_OFFSET, PORT_RANGE

NAMES = ("api", "kafka", "kafka:controller")


@contextmanager
def listening() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield int(server.getsockname()[1])


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


def holder(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def free_port() -> int:
    with listening() as port:
        return port


def test_every_name_gets_a_free_port_of_its_own_outside_the_ephemeral_range(
    registry: Path, tmp_path: Path
) -> None:
    chosen = allocate(registry, holder(tmp_path, "a"), NAMES, wanted={})
    assert set(chosen) == set(NAMES)
    assert len(set(chosen.values())) == len(NAMES)
    assert all(port in PORT_RANGE and is_free(port) for port in chosen.values())
    assert PORT_RANGE.stop + DERIVED_PORT_OFFSET <= 32_768


def test_a_wanted_port_is_given_where_it_is_free(registry: Path, tmp_path: Path) -> None:
    wanted = free_port()
    assert allocate(registry, holder(tmp_path, "a"), NAMES, wanted={"api": wanted})["api"] == wanted


def test_a_wanted_port_that_is_taken_gives_way_to_a_free_one(registry: Path, tmp_path: Path) -> None:
    with listening() as taken:
        assert allocate(registry, holder(tmp_path, "a"), NAMES, wanted={"api": taken})["api"] != taken


def test_a_port_that_our_own_server_listens_on_is_kept(registry: Path, tmp_path: Path) -> None:
    with listening() as ours:
        chosen = allocate(registry, holder(tmp_path, "a"), NAMES, wanted={"api": ours}, in_use={"api"})
    assert chosen["api"] == ours


def test_two_stacks_that_want_the_same_port_before_either_listens_get_different_ones(
    registry: Path, tmp_path: Path
) -> None:
    wanted = {"api": free_port()}
    first = allocate(registry, holder(tmp_path, "a"), NAMES, wanted)
    second = allocate(registry, holder(tmp_path, "b"), NAMES, wanted)
    assert first["api"] == wanted["api"]
    assert not set(first.values()) & set(second.values())


def test_a_stack_that_is_down_gives_its_ports_back(registry: Path, tmp_path: Path) -> None:
    wanted = {"api": free_port()}
    first = holder(tmp_path, "a")
    allocate(registry, first, NAMES, wanted)
    release(registry, first)
    assert allocate(registry, holder(tmp_path, "b"), NAMES, wanted)["api"] == wanted["api"]


def test_a_stack_whose_folder_was_deleted_holds_no_port(registry: Path, tmp_path: Path) -> None:
    wanted = {"api": free_port()}
    first = holder(tmp_path, "a")
    allocate(registry, first, NAMES, wanted)
    shutil.rmtree(first)
    assert allocate(registry, holder(tmp_path, "b"), NAMES, wanted)["api"] == wanted["api"]


def test_asking_again_gives_the_same_ports(registry: Path, tmp_path: Path) -> None:
    folder = holder(tmp_path, "a")
    first = allocate(registry, folder, NAMES, wanted={})
    assert allocate(registry, folder, NAMES, wanted=first) == first
