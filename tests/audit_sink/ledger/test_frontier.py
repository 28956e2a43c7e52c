"""Frontiers, against tiles by their definition."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_sink.ledger.frontier import Frontier, FullTile
from audit_sink.ledger.tiles import tiles_between
from audit_sink.ledger.tree import RightEdge
from tests.audit_sink.ledger.trees import definition, leaves_of

LEAVES = leaves_of(70_000)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9_000), max_size=7))
def test_the_same_tiles_come_however_leaves_arrive(sizes: list[int]) -> None:
    frontier, made, taken = Frontier(), [], 0
    for size in sizes:
        frontier, full = frontier.extend(LEAVES[taken : taken + size])
        made += full
        taken += size
        assert frontier.size == taken
        assert frontier.edge() == RightEdge().extend(LEAVES[:taken])
    at_once, whole = Frontier().extend(LEAVES[:taken])
    assert frontier == at_once
    assert sorted(made) == sorted(whole)


def test_full_tiles_are_those_of_the_definition() -> None:
    _, full = Frontier().extend(LEAVES)
    expected = [tile for tile in tiles_between(0, len(LEAVES)) if tile.width == 256]
    assert sorted((tile.level, tile.place) for tile in full) == sorted((t.level, t.place) for t in expected)
    for tile in (full[0], full[100], full[-1]):
        span = 256**tile.level
        start = tile.place * 256 * span
        row = [definition(LEAVES[at : at + span]) for at in range(start, start + 256 * span, span)]
        assert tile == FullTile(
            tile.level, tile.place, b"".join(row), definition(LEAVES[start : start + 256 * span])
        )


@pytest.mark.parametrize(("size", "rows"), [(1, ()), (0, ((b"x" * 32,),)), (256, ((), ())), (2, ((b"",),))])
def test_rows_that_do_not_fit_the_size_are_refused(size: int, rows: tuple[tuple[bytes, ...], ...]) -> None:
    with pytest.raises(ValueError, match="are no frontier of"):
        Frontier(size, rows)
