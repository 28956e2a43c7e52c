"""Tiles, bundles and their paths, against C2SP tlog-tiles and the definition of the tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_sink.ledger.proofs import Node, consistency_plan, inclusion_plan
from audit_sink.ledger.tiles import (
    Bundle,
    Tile,
    bundles_between,
    decode_bundle,
    encode_bundle,
    hash_in,
    hashes_of,
    pyramid,
    read_path,
    tile_of,
    tiles_between,
)
from tests.audit_sink.ledger.trees import definition, leaves_of

LEAVES = leaves_of(70_000)


def data_of(tile: Tile) -> bytes:
    """A tile by its definition."""
    span = 256**tile.level
    first = tile.place * 256
    starts = [(first + place) * span for place in range(tile.width)]
    return b"".join(definition(LEAVES[start : start + span]) for start in starts)


@pytest.mark.parametrize(
    ("thing", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 1_234_067), "tile/1/x001/x234/067"),
        (Tile(2, 999, 17), "tile/2/999.p/17"),
        (Bundle(1_000, 255), "tile/entries/x001/000.p/255"),
        (Bundle(273), "tile/entries/273"),
    ],
)
def test_paths_are_those_of_the_specification(thing: Tile | Bundle, path: str) -> None:
    assert thing.path == path
    assert read_path(path) == thing


@given(st.integers(0, 63), st.integers(0, 2**40), st.integers(1, 256))
def test_every_path_is_read_back(level: int, place: int, width: int) -> None:
    assert read_path(Tile(level, place, width).path) == Tile(level, place, width)
    assert read_path(Bundle(place, width).path) == Bundle(place, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/00/000",
        "tile/64/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p",
        "tile/0/000/",
        "tile/-1/000",
        "tile/entries/\u0660\u0660\u0660",
        "checkpoint",
    ],
)
def test_any_other_path_names_nothing(path: str) -> None:
    assert read_path(path) is None


def test_a_log_of_70000_has_the_tiles_that_the_specification_counts() -> None:
    tiles = list(tiles_between(0, 70_000))
    assert sum(tile.level == 0 and tile.width == 256 for tile in tiles) == 273
    rest = [tile for tile in tiles if tile.level or tile.width < 256]
    assert rest == [Tile(0, 273, 112), Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert len(list(bundles_between(0, 70_000))) == 274


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_growing_in_steps_leaves_every_tile_that_a_checkpoint_of_the_end_needs(one: int, two: int) -> None:
    old, new = sorted((one, two))
    in_steps = {*tiles_between(0, old), *tiles_between(old, new)}
    assert in_steps >= set(tiles_between(0, new))
    assert set(tiles_between(old, new)) == set(tiles_between(0, new)) - set(tiles_between(0, old))


@given(st.integers(1, 3_000), st.data())
def test_every_hash_of_a_proof_follows_from_the_tiles_of_the_log(size: int, data: st.DataObject) -> None:
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    present = set(tiles_between(0, size))
    for nodes in (*inclusion_plan(index, size), *consistency_plan(old, size)):
        for node in nodes:
            tile = tile_of(node, size)
            assert tile in present
            low, high = node.place << node.level, (node.place + 1) << node.level
            assert hash_in(tile, pyramid(hashes_of(data_of(tile))), node) == definition(LEAVES[low:high])


def test_a_node_beyond_the_log_has_no_tile() -> None:
    with pytest.raises(ValueError, match="a log of 5 leaves"):
        tile_of(Node(1, 2), 5)


def test_a_tile_does_not_answer_for_a_node_elsewhere() -> None:
    with pytest.raises(ValueError, match="does not cover"):
        hash_in(Tile(0, 0, 2), pyramid([bytes(32)] * 2), Node(0, 2))
    with pytest.raises(ValueError, match="has 3 hashes"):
        hash_in(Tile(0, 0, 2), pyramid([bytes(32)] * 3), Node(0, 0))


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_is_read_back(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries)) == entries


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", b"\x00\x01ab"])
def test_a_damaged_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="the bundle ends inside"):
        decode_bundle(data)


def test_an_entry_beyond_two_bytes_of_length_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 65535 bytes"):
        encode_bundle([bytes(65_536)])
