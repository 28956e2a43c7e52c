"""The example of RFC 9162 section 2.1.5 (RFC 6962 section 2.1.3): seven leaves, its proofs node by node.

The RFC draws the tree and names its nodes: d0 to d6 are the leaves, a to f and j their hashes, g, h, i the
pairs, k the four on the left, l the three on the right.
"""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.proofs import (
    Node,
    check_consistency,
    check_inclusion,
    consistency_plan,
    fold,
    inclusion_plan,
)
from audit_sink.ledger.tiles import perfect_root
from audit_sink.ledger.tree import RightEdge
from schemas.leaf import leaf_hash
from tests.audit_sink.ledger.trees import definition, leaves_of


def pair(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


DATA = [f"d{number}".encode() for number in range(7)]
A, B, C, D, E, F, J = (sha256(b"\x00" + data).digest() for data in DATA)
G, H, I = pair(A, B), pair(C, D), pair(E, F)  # noqa: E741 - the RFC's name
K, L = pair(G, H), pair(I, J)
ROOT = pair(K, L)
LEAVES = [A, B, C, D, E, F, J]


class Nodes(dict[Node, bytes]):
    """Every perfect subtree of the seven leaves."""

    def __missing__(self, node: Node) -> bytes:
        return perfect_root(b"".join(LEAVES[node.place << node.level : (node.place + 1) << node.level]))


def test_the_root_is_the_drawn_one_built_at_once_or_step_by_step() -> None:
    assert [leaf_hash(data) for data in DATA] == LEAVES
    assert RightEdge().extend(LEAVES).root() == ROOT
    edge = RightEdge()
    roots = [edge.root()]
    for leaf in LEAVES:
        edge = edge.extend([leaf])
        roots.append(edge.root())
    assert roots[3:5] == [pair(G, C), K]
    assert roots[6:] == [pair(K, I), ROOT]


@pytest.mark.parametrize(
    ("index", "path"),
    [(0, [B, H, L]), (3, [C, G, L]), (4, [F, J, K]), (6, [I, K])],
    ids=["d0", "d3", "d4", "d6"],
)
def test_the_inclusion_proofs_are_the_printed_ones(index: int, path: list[bytes]) -> None:
    assert fold(inclusion_plan(index, 7), Nodes()) == path
    check_inclusion(LEAVES[index], index, 7, path, ROOT)


@pytest.mark.parametrize(
    ("old", "old_root", "proof"),
    [(3, pair(G, C), [C, D, G, L]), (4, K, [L]), (6, pair(K, I), [I, J, K])],
    ids=["hash0 to hash", "hash1 to hash", "hash2 to hash"],
)
def test_the_consistency_proofs_are_the_printed_ones(old: int, old_root: bytes, proof: list[bytes]) -> None:
    assert fold(consistency_plan(old, 7), Nodes()) == proof
    check_consistency(old, 7, old_root, ROOT, proof)


@pytest.mark.parametrize("size", range(301))
def test_every_size_to_300_has_the_root_of_the_definition(size: int) -> None:
    leaves = leaves_of(size)
    expected = definition(leaves)
    assert RightEdge().extend(leaves).root() == expected
    assert Frontier().extend(leaves)[0].edge().root() == expected


@settings(max_examples=25, deadline=None)
@given(st.integers(301, 100_000), st.data())
def test_random_sizes_to_100000_have_the_root_of_the_definition(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    cut = data.draw(st.integers(0, size))
    expected = definition(leaves)
    assert RightEdge().extend(leaves[:cut]).extend(leaves[cut:]).root() == expected
    frontier, _ = Frontier().extend(leaves[:cut])
    assert frontier.extend(leaves[cut:])[0].edge().root() == expected
