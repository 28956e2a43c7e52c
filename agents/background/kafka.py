"""Engine-made commands to their topics, through aiokafka."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.errors import Outage
from client.broker import Broker
from schemas.codec import encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.identity import ENGINE_SOURCE, message_key, partition_for
from schemas.mac import engine_mac
from schemas.models import Command
from schemas.topics import topics

ACTOR: Final = "aumos-background"
"""``ce_actorid`` of what this process says."""


class KafkaOutlet:
    """:class:`agents.background.ports.CommandOutlet`; connects at the first use, and anew after an outage.

    ``clock`` gives an aware datetime.
    """

    def __init__(self, broker: Broker, engine_key: bytes, clock: Callable[[], datetime]) -> None:
        self._broker = broker
        self._engine_key = engine_key
        self._clock = clock
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()

    async def send(self, tenant: str, command: Command, command_id: str) -> None:
        value = encode(command.TYPE, command.model_dump())
        envelope = Envelope(
            id=command_id,
            type=command.TYPE,
            source=ENGINE_SOURCE,
            subject=command.subject(tenant),
            time=timestamp(self._clock()),
            tenant=tenant,
            actor=ACTOR,
        )
        sealed = replace(envelope, mac=engine_mac(self._engine_key, envelope, value))
        topic = topics().command_topic_of(command.TYPE)
        key = message_key(tenant, command.aggregate(tenant))
        try:
            producer = await self._connected()
            await producer.send_and_wait(
                topic.name,
                value=value,
                key=key,
                partition=partition_for(key, topic.partitions),
                headers=list(headers_of(sealed)),
            )
        except (KafkaError, OSError) as error:
            # After a failed send an idempotent producer may be of no more use.
            await self.close()
            raise Outage(f"Kafka: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Sends what was handed over and disconnects."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._broker.options(), acks="all", enable_idempotence=True)
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer
