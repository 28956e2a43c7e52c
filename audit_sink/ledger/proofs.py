"""Inclusion and consistency proofs (RFC 9162 sections 2.1.3 and 2.1.4).

Making a proof is planned first: :func:`inclusion_plan` and :func:`consistency_plan` say, hash by hash,
which roots of perfect subtrees it is folded from, so that whoever has tiles, rows or leaves can fetch
all of them at once. Verifying follows the RFC's own algorithms and shares nothing with the plans.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from audit_sink.ledger.tree import EMPTY_ROOT, HASH_BYTES

MAX_SIZE: Final = 2**63 - 1
"""Bound of a log's size: what its database can count."""


class Node(NamedTuple):
    """The root of a perfect subtree: leaves ``[place << level, (place + 1) << level)``."""

    level: int
    place: int


Plan = Sequence[Sequence[Node]]
"""For each hash of a proof, the perfect subtrees that it is the root of, largest first."""


class BadProof(Exception):
    """A proof does not prove what it should; the text says why."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (32 bytes)."""
    return sha256(b"\x01" + left + right).digest()


def inclusion_plan(index: int, size: int) -> Plan:
    """The plan of PATH(index, D[size]), from the leaf's sibling up; ``0 <= index < size``.

    Raises ValueError outside these bounds.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    low, high = 0, size
    ranges: list[tuple[int, int]] = []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return [perfect_subtrees(*each) for each in reversed(ranges)]


def consistency_plan(old: int, new: int) -> Plan:
    """The plan of PROOF(old, D[new]), empty where either tree says nothing; ``0 <= old <= new``.

    Raises ValueError outside these bounds.
    """
    if not 0 <= old <= new <= MAX_SIZE:
        raise ValueError(f"a tree of {new} leaves does not continue one of {old}")
    if old in (0, new):
        return []
    low, high = 0, new
    ranges: list[tuple[int, int]] = []
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    if low:
        ranges.append((low, high))
    return [perfect_subtrees(*each) for each in reversed(ranges)]


def perfect_subtrees(low: int, high: int) -> list[Node]:
    """The perfect subtrees of leaves ``[low, high)``, largest first, where that range is a node of a tree."""
    found = []
    while low < high:
        level = (high - low).bit_length() - 1
        found.append(Node(level, low >> level))
        low += 1 << level
    return found


def fold(plan: Plan, hashes: Mapping[Node, bytes]) -> list[bytes]:
    """The proof that a plan describes; raises KeyError for a node without hash."""
    return [range_root([hashes[node] for node in nodes]) for nodes in plan]


def range_root(subtrees: Sequence[bytes]) -> bytes:
    """The root over roots of perfect subtrees, largest first; of none, the empty tree's."""
    if not subtrees:
        return EMPTY_ROOT
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Whether the leaf hash stands at an index of the tree (RFC 9162 section 2.1.3.2).

    Raises :class:`BadProof`.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise BadProof(f"index {index} is outside a tree of size {size}")
    _all_hashes([leaf, root, *proof])
    found = leaf
    for sibling, from_left in _climb(index, size - 1, proof):
        found = node_hash(sibling, found) if from_left else node_hash(found, sibling)
    if found != root:
        raise BadProof("the proof leads to another root")


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Whether the tree of ``new`` leaves continues that of ``old`` (RFC 9162 section 2.1.4.2).

    Raises :class:`BadProof`.
    """
    if not 0 <= old <= new <= MAX_SIZE:
        raise BadProof(f"a tree of size {new} cannot continue one of size {old}")
    _all_hashes([old_root, new_root, *proof])
    if old in (0, new):
        _check_without_proof(old, new, old_root, new_root, proof)
        return
    path = [old_root, *proof] if old.bit_count() == 1 else list(proof)
    if not path:
        raise BadProof("the proof is too short")
    place, last = old - 1, new - 1
    while place & 1:
        place >>= 1
        last >>= 1
    found_old = found_new = path[0]
    for sibling, from_left in _climb(place, last, path[1:]):
        if from_left:
            found_old = node_hash(sibling, found_old)
            found_new = node_hash(sibling, found_new)
        else:
            found_new = node_hash(found_new, sibling)
    if found_old != old_root:
        raise BadProof("the proof starts from another old root")
    if found_new != new_root:
        raise BadProof("the proof leads to another new root")


def _check_without_proof(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Consistency with the empty tree, and of a tree with itself, needs no hash."""
    if proof:
        raise BadProof("the proof is too long")
    if old == 0 and old_root != EMPTY_ROOT:
        raise BadProof("the root is not that of the empty tree")
    if old == new and old_root != new_root:
        raise BadProof("two trees of one size have two roots")


def _climb(place: int, last: int, siblings: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The siblings from ``place`` up to the root, and whether each stands on the left.

    ``last`` is the last place of the same level. Raises :class:`BadProof` for a wrong number of them.
    """
    for sibling in siblings:
        if last == 0:
            raise BadProof("the proof is too long")
        from_left = bool(place & 1) or place == last
        yield sibling, from_left
        while from_left and place and not place & 1:
            place >>= 1
            last >>= 1
        place >>= 1
        last >>= 1
    if last != 0:
        raise BadProof("the proof is too short")


def _split(count: int) -> int:
    """The largest power of two below ``count`` (at least 2)."""
    return 1 << (count - 1).bit_length() - 1


def _all_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise BadProof(f"a hash has not {HASH_BYTES} bytes")
