"""The tree, against the recursive definition of RFC 9162 and published vectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_sink.ledger.tree import EMPTY_ROOT, RightEdge, decode_edge, parents
from schemas.leaf import leaf_hash
from tests.audit_sink.ledger.trees import definition, leaves_of

# Inputs and roots of the reference implementation's tests (Certificate Transparency, RFC 6962 hashing,
# which RFC 9162 keeps): the root after each input.
INPUTS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_the_roots_are_those_of_the_published_vectors() -> None:
    edge = RightEdge()
    assert edge.root() == EMPTY_ROOT
    for data, root in zip(INPUTS, ROOTS, strict=True):
        edge = edge.extend([leaf_hash(bytes.fromhex(data))])
        assert edge.root().hex() == root


@given(st.lists(st.integers(0, 70), max_size=8))
def test_the_root_is_that_of_the_definition_however_leaves_arrive(sizes: list[int]) -> None:
    edge = RightEdge()
    everything = leaves_of(sum(sizes))
    taken = 0
    for size in sizes:
        edge = edge.extend(everything[taken : taken + size])
        taken += size
        assert edge.size == taken
        assert edge.root() == definition(everything[:taken])


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 1023, 1024, 1025])
def test_the_root_is_that_of_the_definition_around_powers_of_two(size: int) -> None:
    assert RightEdge().extend(leaves_of(size)).root() == definition(leaves_of(size))


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_tree_goes_on_from_its_stored_edge(before: int, more: int) -> None:
    everything = leaves_of(before + more)
    edge = RightEdge().extend(everything[:before])
    again = decode_edge(before, edge.encode())
    assert again.extend(everything[before:]).root() == definition(everything)


@given(st.integers(0, 2**40))
def test_the_edge_has_one_hash_per_full_subtree(size: int) -> None:
    count = size.bit_count()
    assert decode_edge(size, bytes(32 * count)).size == size
    for wrong in (bytes(32 * count + 32), bytes(32 * count + 1)):
        with pytest.raises(ValueError, match="right edge"):
            decode_edge(size, wrong)


def test_one_hash_is_computed_per_appended_leaf(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = 0

    def counting(hashes: bytes) -> bytes:
        nonlocal hashed
        hashed += len(hashes) // 64
        return parents(hashes)

    monkeypatch.setattr("audit_sink.ledger.tree.parents", counting)
    edge = RightEdge()
    for _ in range(16):
        edge = edge.extend(leaves_of(256))
    assert hashed == 4096 - edge.size.bit_count()
