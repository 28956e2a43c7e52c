"""What the replay process reads."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rego.replay.comparing import Case, Comparison
from rego.replay.opa import Replayed


@dataclass(frozen=True, slots=True)
class Asked:
    """A replay that an activation waits for."""

    tenant: str
    policy_id: str
    version: int
    replay_id: str
    days: int
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Versions:
    """What is replayed, and what decides now, with its number; None where nothing does."""

    candidate: Replayed
    deciding: tuple[int, Replayed] | None


class ReplaySource(Protocol):
    """The primary database. Every method raises :class:`agents.errors.Outage`."""

    async def running(self) -> list[Asked]:
        """The replays that have not ended, the oldest first."""

    async def versions(self, asked: Asked) -> Versions:
        """The versions that a replay needs."""

    def cases(self, asked: Asked, comparison: Comparison) -> AsyncIterator[Sequence[Case]]:
        """The decisions of the days before it was asked for, newest first, in pages."""
