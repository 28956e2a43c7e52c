"""A steady stream of evaluations, and every decision as it is heard, with its time.

Open loop: a command's clock starts when it is due. Half of the stream goes round all tenants; the other
half asks the tenants in ``watched``, where there are any, so that a change of theirs is seen at once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

import bench.kafka as kafka
from bench.errors import NotVerified, Stalled
from bench.figures import expect
from bench.settings import STALLED_S
from client.transport import Outgoing
from schemas.codec import decode
from schemas.envelope import envelope_of

EVALUATED: Final = "governance.policy.evaluated"

CHANGE_S: Final = 120.0
"""Longest time that a change of version, or a backlog of decisions, may take, in seconds."""

Make = Callable[[str], Outgoing]
"""An evaluation for a tenant, with a new id."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A heard decision; ``at`` is a ``perf_counter``."""

    command_id: str
    tenant: str
    policy_id: str
    version: int
    activation: str
    """Id of the activation's event that it rests on."""
    basis: str
    error: str
    """Reason code and reasons, where the policy did not answer."""
    result: bytes | None
    partition: int
    sequence: int
    at: float


@dataclass(slots=True)
class Stream:
    """What was sent and heard so far."""

    producer: AIOKafkaProducer
    consumer: AIOKafkaConsumer
    tenants: Sequence[str]
    make: Make
    rate: int
    watched: list[str] = field(default_factory=list)
    sent: list[Outgoing] = field(default_factory=list)
    due: dict[str, float] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    late_s: float = 0.0
    """How far the sender fell behind its schedule at worst."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _stop: bool = False
    _sending: "asyncio.Task[None] | None" = None
    _failed: NotVerified | None = None

    @classmethod
    @asynccontextmanager
    async def flowing(
        cls, bootstrap: str, tenants: Sequence[str], make: Make, rate: int
    ) -> "AsyncIterator[Stream]":
        """Flows inside the block; at its end every command that was sent has been answered."""
        async with (
            kafka.reader(bootstrap) as consumer,
            kafka.writer(bootstrap, kafka.LINGER_MS) as producer,
        ):
            places = [TopicPartition(kafka.EVENTS.name, number) for number in range(kafka.EVENTS.partitions)]
            consumer.assign(places)
            await consumer.seek_to_end(*places)
            for place in places:
                await consumer.position(place)
            stream = cls(producer, consumer, tenants, make, rate)
            hearing = asyncio.create_task(stream._hear())
            sending = asyncio.create_task(stream._send())
            stream._sending = sending
            try:
                yield stream
                await stream.end()
            finally:
                for task in (sending, hearing):
                    task.cancel()
                await asyncio.gather(sending, hearing, return_exceptions=True)

    def expect_answers(self) -> None:
        """Raises :class:`NotVerified` unless every decision so far is the policy's own."""
        for decision in self.decisions:
            expect(
                decision.basis == "policy",
                f"a decision of {decision.tenant} is by fail mode: {decision.error}",
            )

    async def end(self) -> None:
        """Sends no more; returns when everything sent is answered."""
        self._stop = True
        assert self._sending is not None
        await self._sending
        await self.until(lambda: len(self.decisions) >= len(self.sent), CHANGE_S)

    async def slowest_ms(self, since: float, until: float) -> float:
        """The longest time from due to heard, in ms, of the commands that were due in between."""
        meanwhile = {each for each, due in self.due.items() if since <= due <= until}
        heard: dict[str, float] = {}
        place = 0

        def all_heard() -> bool:
            nonlocal place
            for decision in self.decisions[place:]:
                place += 1
                heard[decision.command_id] = decision.at
            return meanwhile <= heard.keys()

        await self.until(all_heard, CHANGE_S)
        return max(heard[each] - self.due[each] for each in meanwhile) * 1e3

    async def until(self, holds: Callable[[], bool], patience_s: float = STALLED_S) -> None:
        """Looks again whenever something was heard; raises :class:`Stalled`."""
        end = perf_counter() + patience_s
        while not holds():
            if self._failed is not None:
                raise self._failed
            news = self._news
            try:
                async with asyncio.timeout(end - perf_counter()):
                    await news.wait()
            except TimeoutError:
                raise Stalled(f"what was waited for did not come within {patience_s:.0f} s") from None

    async def first(self, tenant: str, version: int, after: float) -> Decision:
        """The first decision of a tenant by a version that is heard after a moment."""
        place = len(self.decisions)
        while place and self.decisions[place - 1].at >= after:
            place -= 1
        found: list[Decision] = []

        def came() -> bool:
            nonlocal place
            for decision in self.decisions[place:]:
                place += 1
                if (decision.tenant, decision.version) == (tenant, version):
                    found.append(decision)
                    return True
            return False

        await self.until(came, CHANGE_S)
        return found[0]

    def waits_ms(self, since: float, until: float) -> list[float]:
        """From due to heard, in ms, of the commands that were due in between."""
        return [
            (decision.at - due) * 1e3
            for decision in self.decisions
            if since <= (due := self.due[decision.command_id]) <= until
        ]

    async def _send(self) -> None:
        start = perf_counter()
        number = 0
        under_way: list[Any] = []
        while not self._stop:
            when = start + number / self.rate
            if (ahead := when - perf_counter()) > 0:
                await asyncio.sleep(ahead)
            self.late_s = max(self.late_s, perf_counter() - when)
            watched = self.watched if number % 2 and self.watched else self.tenants
            tenant = watched[number // 2 % len(watched)]
            record = self.make(tenant)
            command_id = dict(record.headers)["ce_id"].decode()
            self.sent.append(record)
            self.due[command_id] = when
            under_way.append(await kafka.hand_over(self.producer, record))
            number += 1
        await asyncio.gather(*under_way)

    async def _hear(self) -> None:
        while True:
            found = await self.consumer.getmany(timeout_ms=1_000)
            now = perf_counter()
            try:
                for records in found.values():
                    for record in records:
                        self._take(record, now)
            except NotVerified as error:
                self._failed = error
            news, self._news = self._news, asyncio.Event()
            news.set()

    def _take(self, record: Any, now: float) -> None:
        envelope = envelope_of(record.headers)
        if envelope.command_id not in self.due:
            return
        if envelope.type != EVALUATED:
            raise NotVerified(f"a command was answered with {envelope.type}")
        body = decode(EVALUATED, record.value)
        result, version = body["result"], body["version"]
        assert isinstance(version, int)
        self.decisions.append(
            Decision(
                envelope.command_id,
                envelope.tenant,
                str(body["policy_id"]),
                version,
                envelope.causation,
                str(body["basis"]),
                f"{body['error']}: {body['reasons']}" if body["error"] else "",
                result if isinstance(result, bytes) else None,
                record.partition,
                envelope.sequence or 0,
                now,
            )
        )
