"""Where a log's files are read: a folder, or a bucket with its locked and its unlocked half."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from audit_sink.ledger.tiles import WIDTH, Bundle, Tile


class Files(Protocol):
    """The files of one log by their C2SP names. Methods raise OSError or Unavailable."""

    async def get(self, path: str) -> bytes | None:
        """The bytes of a file; None where it is not there."""

    def kept_checkpoints(self) -> AsyncIterator[bytes]:
        """The checkpoints that are kept beside the newest, in no order."""


@dataclass(frozen=True, slots=True)
class Folder:
    """An exported log: ``checkpoint``, ``tile/…`` and ``checkpoints/<size>``."""

    root: Path

    async def get(self, path: str) -> bytes | None:
        return self.read(path)

    def read(self, path: str) -> bytes | None:
        """:meth:`get`, where no event loop runs."""
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None

    def read_or_wider(self, tile: Tile | Bundle) -> bytes | None:
        """As :func:`tile_or_wider`."""
        return next((data for path in _paths(tile) if (data := self.read(path)) is not None), None)

    async def kept_checkpoints(self) -> AsyncIterator[bytes]:
        for file in sorted((self.root / "checkpoints").glob("*")):
            yield file.read_bytes()


async def tile_or_wider(files: Files, tile: Tile | Bundle) -> bytes | None:
    """A partial file, or the full one that it became."""
    for path in _paths(tile):
        if (data := await files.get(path)) is not None:
            return data
    return None


def _paths(tile: Tile | Bundle) -> tuple[str, ...]:
    return (tile.path,) if tile.width == WIDTH else (tile.path, tile._replace(width=WIDTH).path)
