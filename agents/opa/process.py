"""One OPA process as the evaluator sees it."""

from asyncio import Semaphore
from typing import Protocol

from agents.opa.settings import Limits


class Transport(Protocol):
    """One OPA process's batch entry point."""

    async def ask(self, body: bytes, timeout_s: float) -> bytes:
        """The body of its 200 answer.

        Raises :class:`Late` (the connection is closed then), :class:`Unreached`, :class:`Broken`,
        :class:`Refused`.
        """


class Process:
    """One OPA process: its name, its transport, and the requests it may have at once."""

    def __init__(self, name: str, transport: Transport, limits: Limits) -> None:
        self.name = name
        self.transport = transport
        self.shared = Semaphore(limits.in_flight)
        self.apart = Semaphore(1)
        self.suspect_from = 0.0
        """Not before this moment is a slow request's culprit looked for again."""
