"""A family with aggregates of more than one kind: each command goes to the handler of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.decisions.outcome import Outcome
from agents.lanes.handlers.port import Advice, Handler, Session
from agents.lanes.ports import Changes, EventRow, LaneTransaction
from agents.reading import Received
from schemas.models import Command


@dataclass(frozen=True, slots=True)
class SplitHandler:
    """Commands of the types in ``others`` go to their handler, all the rest to ``main``."""

    main: Handler
    others: Mapping[type[Command], Handler]

    async def prepare(self, commands: Sequence[Received]) -> Advice:
        advice = [(handler, await handler.prepare(own)) for handler, own in self.shares(commands)]
        return _SplitAdvice(self, advice)

    def handler_of(self, received: Received) -> Handler:
        """The handler that a command goes to."""
        return self.others.get(type(received.command), self.main)

    def shares(self, commands: Sequence[Received]) -> list[tuple[Handler, list[Received]]]:
        """Each handler, the main one first, with its commands in order."""
        handlers = {id(each): each for each in (self.main, *self.others.values())}
        return [(each, [c for c in commands if self.handler_of(c) is each]) for each in handlers.values()]


@dataclass(frozen=True, slots=True)
class _SplitAdvice:
    split: SplitHandler
    advice: Sequence[tuple[Handler, Advice]]

    async def open(self, transaction: LaneTransaction, commands: Sequence[Received]) -> Session:
        sessions = {
            id(handler): await advice.open(transaction, own)
            for (handler, advice), (_, own) in zip(self.advice, self.split.shares(commands), strict=True)
        }
        return _SplitSession(self.split, sessions)


@dataclass(frozen=True, slots=True)
class _SplitSession:
    split: SplitHandler
    sessions: Mapping[int, Session]
    """By the id of their handler."""

    async def decide(self, received: Received, event_id: str) -> Outcome:
        return await self._of(received).decide(received, event_id)

    def version(self, received: Received) -> int:
        return self._of(received).version(received)

    def accept(self, received: Received, events: Sequence[EventRow]) -> None:
        self._of(received).accept(received, events)

    def collect(self, changes: Changes) -> None:
        for session in self.sessions.values():
            session.collect(changes)

    def _of(self, received: Received) -> Session:
        return self.sessions[id(self.split.handler_of(received))]
