"""Commands out, answers in: one transport shared by all calls of a client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Self

from client.earliest import Outcomes, first_of
from client.errors import Closed, GovernanceError, Unreachable
from client.outcome import Decided, Receipt, SignedReceipt
from client.transport import Outgoing, Transport
from client.waiting import CommandKey, Waiting
from schemas.codec import WriterSchemas


class Exchange:
    """Sends commands and matches what comes back; made by :meth:`over`.

    ``repeated`` says that a command may have been sent before: then its outcome is looked up, too,
    where ``outcomes`` is given. Every method raises :class:`Unreachable` and :class:`Closed`.
    """

    def __init__(self, transport: Transport, waiting: Waiting, outcomes: Outcomes | None) -> None:
        self._transport = transport
        self._waiting = waiting
        self._outcomes = outcomes
        self._listening: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def over(
        cls, transport: Transport, outcomes: Outcomes | None, writers: WriterSchemas | None
    ) -> AsyncIterator[Self]:
        """A started exchange; in the end every wait ends with :class:`Closed`."""
        exchange = cls(transport, Waiting(writers), outcomes)
        await transport.start()
        listening = asyncio.create_task(exchange._listen(), name="governance-answers")
        listening.add_done_callback(exchange._stopped_listening)
        exchange._listening = listening
        try:
            yield exchange
        finally:
            listening.cancel()
            await asyncio.wait([listening])
            await transport.close()

    async def accepted(self, record: Outgoing) -> int:
        """Sends a command and returns its offset once the broker has it."""
        self._check_listening()
        return await self._transport.send(record)

    async def decided(self, record: Outgoing, key: CommandKey, repeated: bool) -> Decided:
        """Sends a command and returns the first event that answers it."""
        self._check_listening()
        # Asked for before the command leaves: the answer can be back before the broker's acknowledgement.
        answer = self._waiting.decision(key)
        try:
            if not answer.done():
                await self._transport.send(record)
            if self._outcomes is None or not repeated:
                return await answer
            _, source, command_id = key
            return await first_of(answer, partial(self._outcomes.decided, command_id, source))
        finally:
            self._waiting.give_back(key, answer)

    async def audited(self, decided: Decided, repeated: bool) -> Receipt:
        """The wall's receipt of an event."""
        self._check_listening()
        written = self._waiting.receipt(decided)
        try:
            if self._outcomes is None or not repeated:
                return (await written).receipt(decided)
            found = await first_of(written, partial(self._outcomes.receipt, decided))
            return found if isinstance(found, Receipt) else found.receipt(decided)
        finally:
            written.cancel()

    async def checkpointed(self, receipt: Receipt) -> SignedReceipt:
        """The first checkpoint that is seen to cover an event; the notary signs about once a second."""
        self._check_listening()
        signed = self._waiting.checkpoint(receipt.index)
        try:
            return (await signed).receipt(receipt)
        finally:
            signed.cancel()

    def _check_listening(self) -> None:
        listening = self._listening
        if listening is None or (listening.done() and listening.cancelled()):
            raise Closed("the client is closed")
        if listening.done():
            raise Unreachable(f"the client lost its connection: {listening.exception()}")

    async def _listen(self) -> None:
        while True:
            for record in await self._transport.receive():
                self._waiting.received(record)

    def _stopped_listening(self, task: asyncio.Task[None]) -> None:
        """Whatever ended it ends every wait."""
        error = None if task.cancelled() else task.exception()
        match error:
            case None:
                self._waiting.fail(Closed("the client was closed while the call waited"))
            case GovernanceError():
                self._waiting.fail(error)
            case _:
                self._waiting.fail(Unreachable(f"an answer cannot be read: {type(error).__name__}: {error}"))
