"""The notary's last word on its own disk."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from audit_sink.errors import Unavailable


@dataclass(frozen=True, slots=True)
class DiskMemory:
    """A :class:`~audit_sink.notary.ports.Memory` in one file, replaced atomically and synchronised."""

    path: Path

    async def last(self) -> bytes | None:
        try:
            return await asyncio.to_thread(self.path.read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{self.path.name}: {error.strerror}") from error

    async def remember(self, note: bytes) -> None:
        try:
            await asyncio.to_thread(self._replace, note)
        except OSError as error:
            raise Unavailable(f"{self.path.name}: {error.strerror}") from error

    def _replace(self, note: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        waiting = self.path.with_suffix(".new")
        with waiting.open("wb") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        waiting.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
