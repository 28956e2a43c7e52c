"""Trees by the definition of RFC 9162, word by word and slow."""

from hashlib import sha256

from schemas.leaf import leaf_hash


def definition(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = largest_power_below(len(leaves))
    return sha256(b"\x01" + definition(leaves[:split]) + definition(leaves[split:])).digest()


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = largest_power_below(len(leaves))
    if index < split:
        return [*path(index, leaves[:split]), definition(leaves[split:])]
    return [*path(index - split, leaves[split:]), definition(leaves[:split])]


def proof(old: int, leaves: list[bytes]) -> list[bytes]:
    """PROOF of section 2.1.4.1."""
    return subproof(old, leaves, whole=True)


def subproof(old: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [definition(leaves)]
    split = largest_power_below(len(leaves))
    if old <= split:
        return [*subproof(old, leaves[:split], whole=whole), definition(leaves[split:])]
    return [*subproof(old - split, leaves[split:], whole=False), definition(leaves[:split])]


def largest_power_below(count: int) -> int:
    """The largest power of two smaller than a count."""
    split = 1
    while split * 2 < count:
        split *= 2
    return split


def leaves_of(count: int) -> list[bytes]:
    """Leaf hashes of distinct entries."""
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(count)]
