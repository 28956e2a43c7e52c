"""Proofs, against the recursive definitions of RFC 9162, and against mutation."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_sink.ledger.proofs import (
    BadProof,
    Node,
    check_consistency,
    check_inclusion,
    consistency_plan,
    fold,
    inclusion_plan,
    perfect_subtrees,
    range_root,
)
from audit_sink.ledger.tiles import perfect_root
from audit_sink.ledger.tree import EMPTY_ROOT, RightEdge
from tests.audit_sink.ledger.trees import definition, leaves_of, path, proof

LEAVES = leaves_of(300)
ROOTS = [definition(LEAVES[:size]) for size in range(301)]


class Hashes(dict[Node, bytes]):
    """Every node's hash, computed when it is asked for."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = leaves

    def __missing__(self, node: Node) -> bytes:
        low, high = node.place << node.level, (node.place + 1) << node.level
        assert high <= len(self._leaves)
        return perfect_root(b"".join(self._leaves[low:high]))


@pytest.mark.parametrize("size", range(1, 301))
def test_inclusion_proofs_are_those_of_the_definition_and_verify(size: int) -> None:
    hashes = Hashes(LEAVES[:size])
    for index in range(0, size, max(1, size // 12)):
        made = fold(inclusion_plan(index, size), hashes)
        assert made == path(index, LEAVES[:size])
        check_inclusion(LEAVES[index], index, size, made, ROOTS[size])


@pytest.mark.parametrize("new", range(1, 301))
def test_consistency_proofs_are_those_of_the_definition_and_verify(new: int) -> None:
    hashes = Hashes(LEAVES[:new])
    for old in {1, new // 2, new - 1, new, *range(1, new, max(1, new // 8))} - {0}:
        made = fold(consistency_plan(old, new), hashes)
        assert made == proof(old, LEAVES[:new])
        check_consistency(old, new, ROOTS[old], ROOTS[new], made)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 100_000), st.data())
def test_proofs_of_large_trees_verify(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    hashes = Hashes(leaves)
    root = RightEdge().extend(leaves).root()
    check_inclusion(leaves[index], index, size, fold(inclusion_plan(index, size), hashes), root)
    old_root = RightEdge().extend(leaves[:old]).root()
    check_consistency(old, size, old_root, root, fold(consistency_plan(old, size), hashes))


def test_every_tree_continues_the_empty_one_and_itself() -> None:
    for size in (0, 1, 7):
        check_consistency(0, size, EMPTY_ROOT, ROOTS[size], [])
        check_consistency(size, size, ROOTS[size], ROOTS[size], [])


def mutations(hashes: list[bytes]) -> list[list[bytes]]:
    """A proof with a bit flipped in each hash, one less, one more, and two exchanged."""
    flipped = [
        [*hashes[:place], bytes((hashes[place][0] ^ 1,)) + hashes[place][1:], *hashes[place + 1 :]]
        for place in range(len(hashes))
    ]
    others = [hashes[1:], hashes[:-1], [*hashes, hashes[-1]], [hashes[-1], *hashes[1:-1], hashes[0]]]
    return [*flipped, *(each for each in others if each != hashes)]


@given(st.integers(2, 300), st.data())
def test_a_mutated_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    made = path(index, LEAVES[:size])
    for wrong in mutations(made):
        with pytest.raises(BadProof):
            check_inclusion(LEAVES[index], index, size, wrong, ROOTS[size])
    with pytest.raises(BadProof):
        check_inclusion(LEAVES[index], (index + 1) % size, size, made, ROOTS[size])
    with pytest.raises(BadProof):
        check_inclusion(LEAVES[(index + 1) % size], index, size, made, ROOTS[size])


@given(st.integers(2, 300), st.data())
def test_a_mutated_consistency_proof_is_refused(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    made = proof(old, LEAVES[:new])
    for wrong in mutations(made):
        with pytest.raises(BadProof):
            check_consistency(old, new, ROOTS[old], ROOTS[new], wrong)
    with pytest.raises(BadProof):
        check_consistency(old, new, ROOTS[old - 1], ROOTS[new], made)
    with pytest.raises(BadProof):
        check_consistency(old, new, ROOTS[old], ROOTS[new - 1], made)


@pytest.mark.parametrize(
    "check",
    [
        lambda: check_inclusion(b"short", 0, 1, [], ROOTS[1]),
        lambda: check_inclusion(LEAVES[0], 0, 2, [LEAVES[1][:31]], ROOTS[2]),
        lambda: check_inclusion(LEAVES[0], 2, 2, [LEAVES[1]], ROOTS[2]),
        lambda: check_inclusion(LEAVES[0], -1, 2, [LEAVES[1]], ROOTS[2]),
        lambda: check_consistency(1, 2, ROOTS[1], ROOTS[2], [LEAVES[1] + b"\0"]),
        lambda: check_consistency(2, 1, ROOTS[2], ROOTS[1], []),
        lambda: check_consistency(0, 2, ROOTS[1], ROOTS[2], []),
        lambda: check_consistency(0, 2, EMPTY_ROOT, ROOTS[2], [LEAVES[1]]),
        lambda: check_consistency(2, 2, ROOTS[2], ROOTS[1], []),
        lambda: check_consistency(3, 7, ROOTS[3], ROOTS[7], []),
    ],
)
def test_malformed_hashes_and_impossible_sizes_are_refused(check: Callable[[], None]) -> None:
    with pytest.raises(BadProof):
        check()


@pytest.mark.parametrize(
    "plan", [lambda: inclusion_plan(3, 3), lambda: inclusion_plan(-1, 3), lambda: consistency_plan(4, 3)]
)
def test_a_proof_of_what_is_not_there_is_not_planned(plan: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="a tree of 3 leaves"):
        plan()


@given(st.integers(0, 300))
def test_the_root_of_a_tree_follows_from_its_perfect_subtrees(size: int) -> None:
    hashes = Hashes(LEAVES[:size])
    assert range_root([hashes[node] for node in perfect_subtrees(0, size)]) == ROOTS[size]
