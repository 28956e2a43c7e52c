"""The loops' ports in memory, for fast tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from agents.background.ports import Content, Unverified
from agents.errors import Outage
from schemas.models import Command


@dataclass(slots=True)
class MemoryArtifacts:
    """A :class:`agents.background.ports.ArtifactStore`: versions of objects, and how long each is locked."""

    versions: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Content by key and version id."""
    locks: dict[tuple[str, str], datetime] = field(default_factory=dict)
    away: bool = False
    forgets_locks: bool = False
    """Whether it says yes to retention and keeps none."""
    reads: int = 0

    async def read(self, object_key: str, version_id: str, limit: int) -> Content | None:
        self._answer()
        self.reads += 1
        content = self.versions.get((object_key, version_id))
        if content is None:
            return None
        digest = sha256(content).hexdigest() if len(content) <= limit else ""
        return Content(digest, len(content))

    async def lock(self, object_key: str, version_id: str, until: datetime) -> datetime | None:
        self._answer()
        version = object_key, version_id
        if version not in self.versions:
            return None
        kept = max(self.locks.get(version, _NEVER), _NEVER if self.forgets_locks else until)
        self.locks[version] = kept
        return kept

    def _answer(self) -> None:
        if self.away:
            raise Outage("evidence bucket: away")


@dataclass(slots=True)
class MemoryDue:
    """A :class:`agents.background.ports.UnverifiedSource`."""

    items: Sequence[Unverified] = ()

    async def unverified(self, limit: int) -> list[Unverified]:
        return sorted(self.items, key=lambda item: item.submitted_at)[:limit]


@dataclass(slots=True)
class MemoryOutlet:
    """A :class:`agents.background.ports.CommandOutlet`: what was sent, in order."""

    sent: list[tuple[str, Command, str]] = field(default_factory=list)
    """Tenant, command and command id."""
    away: bool = False

    async def send(self, tenant: str, command: Command, command_id: str) -> None:
        if self.away:
            raise Outage("Kafka: away")
        self.sent.append((tenant, command, command_id))


_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
