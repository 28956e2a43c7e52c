"""How a lane asks its family for decisions."""

from collections.abc import Sequence
from typing import Protocol

from agents.decisions.outcome import Outcome
from agents.lanes.ports import Changes, EventRow, LaneTransaction
from agents.reading import Received


class Session(Protocol):
    """Decisions inside one open transaction; commands come in the order of their lanes."""

    async def decide(self, received: Received, event_id: str) -> Outcome:
        """The outcome of one command on the state as it is now; ``event_id`` is its first event's."""

    def version(self, received: Received) -> int:
        """The version of the command's aggregate, 0 before its first event (``expectedversion``)."""

    def accept(self, received: Received, events: Sequence[EventRow]) -> None:
        """The decision stands: state moves on."""

    def collect(self, changes: Changes) -> None:
        """Adds state and projections to what the transaction writes."""


class Advice(Protocol):
    """What was found out before the transaction opened."""

    async def open(self, transaction: LaneTransaction, commands: Sequence[Received]) -> Session:
        """Loads state under the lock and finds out again what has changed since."""


class Handler(Protocol):
    """One family's decisions."""

    async def prepare(self, commands: Sequence[Received]) -> Advice:
        """Everything slow that needs no lock; runs while earlier batches commit."""
