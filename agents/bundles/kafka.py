"""Verdicts to the command topic, through aiokafka."""

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.bundles.ports import CommandRecord
from agents.errors import Outage
from client.broker import Broker


class KafkaOutlet:
    """:class:`agents.bundles.ports.CommandOutlet`; connects at the first use, and anew after an outage."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._producer: AIOKafkaProducer | None = None

    async def connect(self) -> None:
        if self._producer is not None:
            return
        producer = AIOKafkaProducer(**self._broker.options(), acks="all", enable_idempotence=True)
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            await producer.stop()
            raise Outage(f"Kafka: {type(error).__name__}: {error}") from error
        self._producer = producer

    async def publish(self, record: CommandRecord) -> None:
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
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
