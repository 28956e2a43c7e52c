"""The log as static files: tiles and entry bundles (C2SP tlog-tiles).

A tile holds up to 256 consecutive hashes of one level, level ``l`` standing ``8 * l`` above the leaves;
a bundle holds the entries under one level-0 tile. A tile of fewer is partial and named by its width.
"""

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

from audit_sink.ledger.proofs import Node, node_hash
from audit_sink.ledger.tree import HASH_BYTES, parents

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
"""Hashes of a full tile."""

MAX_LEVEL: Final = 7
"""Highest tile level of a log of at most 2^63 - 1 entries."""

MAX_ENTRY_BYTES: Final = 65_535
"""A bundle states each entry's length in two bytes."""

_LENGTH = Struct(">H").unpack_from
_DIGITS: Final = 3


class Tile(NamedTuple):
    """One tile; ``width`` is 1 to 256."""

    level: int
    place: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """``tile/<L>/<N>[.p/<W>]``."""
        return f"tile/{self.level}/{_place(self.place)}{_suffix(self.width)}"


class Bundle(NamedTuple):
    """The entries under one level-0 tile; ``width`` is 1 to 256."""

    place: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """``tile/entries/<N>[.p/<W>]``."""
        return f"tile/entries/{_place(self.place)}{_suffix(self.width)}"


def read_path(path: str) -> Tile | Bundle | None:
    """The tile or bundle that a path names; None for any other text."""
    parts = path.split("/")
    if len(parts) < 3 or parts[0] != "tile":
        return None
    width = WIDTH
    if len(parts) > 3 and parts[-2].endswith(".p"):
        parsed = _plain(parts[-1])
        if parsed is None or not 0 < parsed < WIDTH:
            return None
        width = parsed
        parts = [*parts[:-2], parts[-2].removesuffix(".p")]
    place = _read_place(parts[2:])
    if place is None:
        return None
    if parts[1] == "entries":
        return Bundle(place, width)
    level = _plain(parts[1])
    return None if level is None or level > 63 else Tile(level, place, width)


def tiles_between(old: int, new: int) -> Iterator[Tile]:
    """The tiles that a log of ``new`` leaves has and one of ``old`` has not, lower levels first.

    Per level: the tiles that filled up, then the partial one of ``new``.
    """
    for level in range(MAX_LEVEL + 1):
        before, now = old >> (HEIGHT * level), new >> (HEIGHT * level)
        if not now:
            return
        for place in range(before >> HEIGHT, now >> HEIGHT):
            yield Tile(level, place)
        if (rest := now & (WIDTH - 1)) and now != before:
            yield Tile(level, now >> HEIGHT, rest)


def bundles_between(old: int, new: int) -> Iterator[Bundle]:
    """The bundles that a log of ``new`` entries has and one of ``old`` has not."""
    for tile in tiles_between(old, new):
        if tile.level == 0:
            yield Bundle(tile.place, tile.width)


def tile_of(node: Node, size: int) -> Tile:
    """The tile of a log of ``size`` leaves from which a node's hash follows.

    Raises ValueError for a node that reaches beyond the log.
    """
    if (node.place + 1) << node.level > size:
        raise ValueError(f"a log of {size} leaves has no {node}")
    level, above = divmod(node.level, HEIGHT)
    place = node.place >> (HEIGHT - above)
    width = min(WIDTH, (size >> (HEIGHT * level)) - place * WIDTH)
    return Tile(level, place, width)


Pyramid = Sequence[Sequence[bytes]]
"""The hashes of a tile, and those of the perfect subtrees above them, level by level."""


def pyramid(hashes: Sequence[bytes]) -> Pyramid:
    """All hashes that follow from a tile's, each computed once."""
    rows = [hashes]
    while len(rows[-1]) > 1:
        pairs = iter(rows[-1])
        rows.append([node_hash(left, right) for left, right in zip(pairs, pairs, strict=False)])
    return rows


def hash_in(tile: Tile, rows: Pyramid, node: Node) -> bytes:
    """A node's hash from its tile's; raises ValueError where the tile does not cover it."""
    above = node.level - HEIGHT * tile.level
    if len(rows[0]) != tile.width:
        raise ValueError(f"{tile.path} has {len(rows[0])} hashes")
    place = node.place - (tile.place * WIDTH >> above) if 0 <= above < len(rows) else -1
    if not 0 <= place < len(rows[above]):
        raise ValueError(f"{tile.path} does not cover {node}")
    return rows[above][place]


def hashes_of(data: bytes) -> list[bytes]:
    """The hashes of a tile's bytes, in order; raises ValueError where they are none."""
    if not data or len(data) % HASH_BYTES or len(data) > WIDTH * HASH_BYTES:
        raise ValueError(f"{len(data)} bytes are no tile")
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]


def perfect_root(hashes: bytes) -> bytes:
    """The root over a power of two of hashes, joined."""
    while len(hashes) > HASH_BYTES:
        hashes = parents(hashes)
    return hashes


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Each entry behind its length (big-endian uint16); raises ValueError for a longer one."""
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ValueError(f"an entry has more than {MAX_ENTRY_BYTES} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle; raises ValueError where lengths and bytes disagree."""
    entries = []
    at, size = 0, len(data)
    while at + 2 <= size:
        (length,) = _LENGTH(data, at)
        end = at + 2 + length
        if end > size:
            break
        entries.append(data[at + 2 : end])
        at = end
    if at < size:
        raise ValueError(f"the bundle ends inside the entry at byte {at}")
    return entries


def _place(number: int) -> str:
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03d}")
    return "/".join(groups)


def _read_place(groups: Sequence[str]) -> int | None:
    if not groups:
        return None
    digits = [group.removeprefix("x") for group in groups]
    marked = [group.startswith("x") for group in groups]
    if marked != [True] * (len(groups) - 1) + [False]:
        return None
    if any(len(each) != _DIGITS or not (each.isascii() and each.isdigit()) for each in digits):
        return None
    number = int("".join(digits))
    return number if _place(number) == "/".join(groups) else None


def _suffix(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"


def _plain(text: str) -> int | None:
    """A decimal number without leading zeroes."""
    if not (text.isascii() and text.isdigit()) or (len(text) > 1 and text[0] == "0"):
        return None
    return int(text)
