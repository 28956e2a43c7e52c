"""What the loops read and publish."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

from schemas.models import Command

EvidenceKey = tuple[str, str]
"""Tenant and evidence id."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """Evidence whose artifact nobody has looked at: what was submitted, to compare the object with."""

    tenant: str
    evidence_id: str
    object_key: str
    version_id: str
    sha256: str
    """Hex."""
    size: int
    """Bytes."""
    submitted_at: datetime

    @property
    def key(self) -> EvidenceKey:
        """Its identity."""
        return self.tenant, self.evidence_id


class UnverifiedSource(Protocol):
    """Where unverified evidence is read."""

    async def unverified(self, limit: int) -> list[Unverified]:
        """The oldest of it, at most ``limit``; raises :class:`agents.errors.Outage`."""


class TimerPlace(NamedTuple):
    """Where a timer stands among those that are armed: the earliest due first."""

    due_at: datetime
    tenant: str
    aggregate: str
    """``ce_subject`` of what it belongs to, ``workflow/<id>``."""
    name: str


FIRST_PLACE: Final = TimerPlace(datetime.fromtimestamp(0, UTC), "", "", "")
"""Before every timer: commands name no earlier times."""


@dataclass(frozen=True, slots=True)
class ArmedTimer:
    """One armed timer; ``generation`` counts its armings, from 1."""

    place: TimerPlace
    generation: int


class TimerSource(Protocol):
    """Where armed timers are read."""

    async def timers(self, after: TimerPlace, until: datetime, limit: int) -> list[ArmedTimer]:
        """Those armed after a place and due by ``until``, in order, at most ``limit``.

        Raises :class:`agents.errors.Outage`.
        """


class ReplayKey(NamedTuple):
    """A replay that an activation waits for."""

    tenant: str
    policy_id: str
    version: int
    replay_id: str


class ReplayTimes(Protocol):
    """Where replays are read that have not ended."""

    async def replays_before(self, moment: datetime) -> list[ReplayKey]:
        """Those asked for before a moment; raises :class:`agents.errors.Outage`."""


@dataclass(frozen=True, slots=True)
class Content:
    """What an object's version holds. ``sha256`` is hex, and empty where it was too large to be read."""

    sha256: str
    size: int


class ArtifactStore(Protocol):
    """The evidence bucket. Every method raises :class:`agents.errors.Outage`, also where it is refused."""

    async def read(self, object_key: str, version_id: str, limit: int) -> Content | None:
        """Reads that version whole, unless it has more than ``limit`` bytes; None where there is none."""

    async def lock(self, object_key: str, version_id: str, until: datetime) -> datetime | None:
        """Sets COMPLIANCE retention where the version has none until then.

        Returns the end of the retention that the version has then, which is earlier than ``until``
        where the store did not keep it; None where there is no such version.
        """


class CommandOutlet(Protocol):
    """Where engine-made commands go, sealed with the engine's authentication code."""

    async def send(self, tenant: str, command: Command, command_id: str) -> None:
        """Returns when the broker has acknowledged the command; raises :class:`agents.errors.Outage`."""
