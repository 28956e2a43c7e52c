"""From records to batches: small when the lanes are idle, large under load.

While the pipeline is full, what arrives is collected; as soon as it has room, everything collected
(up to a bound) becomes one batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from agents.lanes.pipeline import Pipeline
from agents.records import CommandRecord

MAX_WAITING_BATCHES: Final = 4
"""Full batches collected before deliveries wait; with what is in flight it bounds memory."""

Acknowledge = Callable[[], object]


class Intake:
    """Collects one family's records; ``run`` feeds them to the pipeline."""

    def __init__(self, pipeline: Pipeline, batch_records: int, batch_wait_s: float) -> None:
        self._pipeline = pipeline
        self._batch_records = batch_records
        self._batch_wait_s = batch_wait_s
        self._waiting: deque[tuple[CommandRecord, Acknowledge]] = deque()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()

    async def deliver(self, record: CommandRecord, acknowledge: Acknowledge) -> None:
        """Takes a record, whose ``acknowledge`` is called when its batch is all done.

        Waits while too much is collected already.
        """
        while len(self._waiting) >= MAX_WAITING_BATCHES * self._batch_records:
            await self._some_taken()
        self._waiting.append((record, acknowledge))
        self._arrived.set()

    async def run(self) -> None:
        """Forms batches until cancelled."""
        while True:
            await self._arrived.wait()
            await self._pipeline.vacancy()
            if len(self._waiting) < self._batch_records:
                await asyncio.sleep(self._batch_wait_s)
            count = min(len(self._waiting), self._batch_records)
            batch = [self._waiting.popleft() for _ in range(count)]
            if not self._waiting:
                self._arrived.clear()
            self._taken.set()
            await self._pipeline.submit([record for record, _ in batch], _all([done for _, done in batch]))

    async def drain(self) -> None:
        """Waits until everything delivered is acknowledged (graceful shutdown)."""
        while self._waiting:
            await self._some_taken()
        await self._pipeline.drain()

    async def _some_taken(self) -> None:
        self._taken.clear()
        await self._taken.wait()


def _all(acknowledge: list[Acknowledge]) -> Callable[[], None]:
    def every() -> None:
        for one in acknowledge:
            one()

    return every
