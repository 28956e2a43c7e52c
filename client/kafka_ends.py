"""Where the partitions of topics end."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from client.broker import Broker
from client.errors import Unreachable
from client.transport import Place
from schemas.topics import topics


async def partition_ends(broker: Broker, names: Sequence[str]) -> dict[Place, int]:
    """The offset after the last record of each partition; raises :class:`Unreachable`."""
    if not names:
        return {}
    partitions = [
        TopicPartition(name, number) for name in names for number in range(topics().named(name).partitions)
    ]
    consumer = AIOKafkaConsumer(**broker.options())
    try:
        await consumer.start()
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
    except (KafkaError, OSError) as error:
        raise Unreachable(f"Kafka at {broker.bootstrap}: {error}") from error
    finally:
        await consumer.stop()
    return {(place.topic, place.partition): end for place, end in ends.items()}
