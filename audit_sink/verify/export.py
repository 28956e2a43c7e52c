"""A log as a folder in the one standard layout, for whoever verifies it elsewhere."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from audit_sink.errors import Unavailable
from audit_sink.ledger.checkpoint import read_checkpoint
from audit_sink.ledger.note import read_note
from audit_sink.ledger.tiles import (
    WIDTH,
    Bundle,
    Tile,
    bundles_between,
    decode_bundle,
    tiles_between,
)
from audit_sink.notary.shelves import blob_path
from audit_sink.verify.sources import Files, tile_or_wider
from schemas.leaf import large_value_of


async def export(files: Files, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """Writes the newest checkpoint, all that it needs, and the kept ones; yields files done and in all.

    What is there already and complete is not fetched again. Raises BadNote and Unavailable.
    """
    note = await files.get("checkpoint")
    if note is None:
        raise Unavailable("there is no checkpoint yet")
    size = read_checkpoint(read_note(note).text).size
    wanted: list[Tile | Bundle] = [*tiles_between(0, size), *bundles_between(0, size)]
    for done, tile in enumerate(wanted):
        path = folder / tile.path
        if not path.exists():
            data = await tile_or_wider(files, tile)
            if data is None:
                raise Unavailable(f"{tile.path} is not there")
            data = data if tile.width == WIDTH else _cut(tile.path, data, tile.width)
            if isinstance(tile, Bundle):
                await _export_values(files, folder, decode_bundle(data))
            _write(path, data)
        yield done + 1, len(wanted)
    kept = folder / "checkpoints"
    kept.mkdir(parents=True, exist_ok=True)
    async for other in files.kept_checkpoints():
        checkpoint = read_checkpoint(read_note(other).text)
        if checkpoint.size <= size:
            (kept / str(checkpoint.size)).write_bytes(other)
    (folder / "checkpoint").write_bytes(note)


async def _export_values(files: Files, folder: Path, entries: Sequence[bytes]) -> None:
    """The values that the entries only digest; before their bundle, which says that they are there."""
    for entry in entries:
        large = large_value_of(entry)
        if large is None:
            continue
        path = blob_path(large[0])
        data = await files.get(path)
        if data is None:
            raise Unavailable(f"{path} is not there")
        _write(folder / path, data)


def _write(path: Path, data: bytes) -> None:
    """At once or not at all: what is there is taken for complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_name(path.name + ".new")
    waiting.write_bytes(data)
    waiting.replace(path)


def _cut(path: str, data: bytes, width: int) -> bytes:
    """The first ``width`` hashes or entries: the file may have grown since."""
    if not path.startswith("tile/entries/"):
        return data[: 32 * width]
    end = 0
    for _ in range(width):
        end += 2 + int.from_bytes(data[end : end + 2], "big")
    return data[:end]
