"""Where the stack keeps things: one state folder per stack, one cache per user."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def default_state_dir() -> Path:
    """`AUMOS_STACK_DIR`, else `.stack` in the project root; absolute."""
    return Path(os.environ.get("AUMOS_STACK_DIR") or PROJECT_ROOT / ".stack").expanduser().resolve()


def cache_dir() -> Path:
    """`AUMOS_CACHE_DIR`, else `~/.cache/aumos-governance`; absolute."""
    configured = os.environ.get("AUMOS_CACHE_DIR")
    return Path(configured or Path.home() / ".cache" / "aumos-governance").expanduser().resolve()


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths inside one state folder. Only `prepare` writes."""

    root: Path

    def prepare(self) -> None:
        """Make the folders; others may pass through the root (a server may run as another user)."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711)
        for folder in (self.run, self.logs, self.config):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.data_root.mkdir(mode=0o711, exist_ok=True)

    @property
    def state_file(self) -> Path:
        return self.root / "state.json"

    @property
    def secrets_file(self) -> Path:
        return self.root / "secrets.json"

    @property
    def lock_file(self) -> Path:
        return self.root / "lock"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def data_root(self) -> Path:
        return self.root / "data"

    def data(self, component: str) -> Path:
        return self.data_root / component

    def log(self, component: str) -> Path:
        return self.logs / f"{component}.log"
