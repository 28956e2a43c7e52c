"""The entries of a range in a folder, in the layout of the log, and the digest that names them."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from audit_sink.ledger.tiles import WIDTH, Bundle, Tile, encode_bundle, perfect_root
from schemas.leaf import leaf_hash


def write_bundle(folder: Path, first: int, entries: Sequence[bytes]) -> bytes:
    """Writes the bundle and the tile of 256 entries from index ``first``; returns their root."""
    hashes = b"".join(map(leaf_hash, entries))
    for path, data in (
        (Bundle(first // WIDTH).path, encode_bundle(entries)),
        (Tile(0, first // WIDTH).path, hashes),
    ):
        _write(folder / path, data)
    return perfect_root(hashes)


def write_value(folder: Path, digest: bytes, value: bytes) -> None:
    """Writes a value that an entry only digests."""
    _write(folder / "blob" / digest.hex(), value)


def is_empty(folder: Path) -> bool:
    """Whether a folder is not there, or holds nothing."""
    return not folder.exists() or not any(folder.iterdir())


def digest_of(folder: Path) -> str:
    """SHA-256 (hex) over the sorted lines ``<sha256>  <path>`` of every file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files]
    return sha256("".join(lines).encode()).hexdigest()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
