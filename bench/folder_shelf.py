"""A log's files in a folder, as a notary writes them and a verifier reads them."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audit_sink.errors import Diverged


@dataclass(frozen=True, slots=True)
class FolderShelf:
    """A :class:`~audit_sink.notary.ports.Shelf`, laid out as an export is."""

    root: Path

    async def keep(self, objects: Mapping[str, bytes]) -> None:
        for name, data in objects.items():
            path = self._path(name)
            if path.exists() and path.read_bytes() != data:
                raise Diverged(f"{name} is there with other bytes")
            await self.put(name, data)

    async def put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    async def drop(self, prefix: str) -> None:
        shutil.rmtree(self._path(prefix), ignore_errors=True)

    async def get(self, name: str) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    def _path(self, name: str) -> Path:
        half, _, rest = name.partition("/")
        if half == "wall" and rest.startswith("checkpoint/"):
            rest = rest.replace("checkpoint/", "checkpoints/", 1)
        return self.root / rest
