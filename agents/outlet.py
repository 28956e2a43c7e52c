"""Engine-made commands to their topics, through aiokafka."""

import asyncio

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.engine_commands import EngineCommand
from agents.errors import Outage
from client.broker import Broker


class KafkaOutlet:
    """Publishes one command at a time; connects at the first use, and anew after an outage."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()

    async def connect(self) -> None:
        """Makes sure of a connection; raises :class:`agents.errors.Outage`."""
        async with self._connecting:
            if self._producer is not None:
                return
            producer = AIOKafkaProducer(**self._broker.options(), acks="all", enable_idempotence=True)
            try:
                await producer.start()
            except (KafkaError, OSError) as error:
                await producer.stop()
                raise Outage(f"Kafka: {type(error).__name__}: {error}") from error
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer

    async def publish(self, record: EngineCommand) -> None:
        """Returns when the broker has acknowledged; raises :class:`agents.errors.Outage`."""
        await self.connect()
        if self._producer is None:
            raise Outage("Kafka: the connection was closed")
        try:
            await self._producer.send_and_wait(
                record.topic,
                value=record.value,
                key=record.key,
                partition=record.partition,
                headers=list(record.headers),
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
