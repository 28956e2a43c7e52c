"""What the bundle service reads and publishes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from agents.engine_commands import EngineCommand
from rego.loaded import Loaded

VersionKey = tuple[str, str, int]
"""Tenant, policy id, version."""

LoadedState = Literal["activating", "active", "superseded", "shadowing", "shadow"]
"""``shadowing``: a shadow that no process has confirmed yet."""


@dataclass(frozen=True, slots=True)
class LoadableVersion:
    """A policy version that can be asked for: activating, active, shadow, or the last superseded one."""

    tenant: str
    policy_id: str
    version: int
    state: LoadedState
    digest: str
    """SHA-256 (hex) of what OPA loads; a version never changes, so it also names that."""
    activating_since: datetime | None
    confirmed_revision: int

    @property
    def key(self) -> VersionKey:
        """Its identity."""
        return (self.tenant, self.policy_id, self.version)


class VersionSource(Protocol):
    """Where policy versions are read. Every method raises :class:`agents.errors.Outage`."""

    async def loadable(self) -> list[LoadableVersion]:
        """All versions that OPA must hold."""

    async def loaded(self, keys: Sequence[VersionKey]) -> dict[VersionKey, Loaded]:
        """Modules and data of versions; one that is gone is absent."""

    async def wait_for_change(self, timeout_s: float) -> None:
        """Returns when something may have changed, at the latest after ``timeout_s`` seconds."""

    async def close(self) -> None:
        """Gives the connection back."""


class CommandOutlet(Protocol):
    """Where engine-made commands go. ``connect`` and ``publish`` raise :class:`agents.errors.Outage`."""

    async def connect(self) -> None:
        """Makes sure of a connection, so that readiness tells the truth before the first verdict."""

    async def publish(self, record: EngineCommand) -> None:
        """Returns when the broker has acknowledged."""

    async def close(self) -> None:
        """Ends the connection."""
