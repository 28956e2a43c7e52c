"""A family without commands of its own: its lanes still answer lane commands and keep bad records."""

from collections.abc import Sequence

from agents.decisions.outcome import Outcome, Rejection
from agents.lanes.handlers.port import Advice, Session
from agents.lanes.ports import Changes, EventRow, LaneTransaction
from agents.reading import Received


class Unassigned:
    """Handler, advice and session in one: it has nothing to find out and nothing to keep."""

    async def prepare(self, commands: Sequence[Received]) -> Advice:
        return self

    async def open(self, transaction: LaneTransaction, commands: Sequence[Received]) -> Session:
        return self

    async def decide(self, received: Received, event_id: str) -> Outcome:
        return Rejection("unknown_type", f"{received.envelope.type} has no handler in this family")

    def version(self, received: Received) -> int:
        return 0

    def accept(self, received: Received, events: Sequence[EventRow]) -> None:
        raise AssertionError("nothing is ever accepted here")

    def collect(self, changes: Changes) -> None:
        return None
