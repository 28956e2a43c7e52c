"""Commands that the engine itself makes, as Kafka records with the engine's authentication code."""

from dataclasses import dataclass, replace
from datetime import datetime

from schemas.codec import encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.identity import ENGINE_SOURCE, message_key, partition_for
from schemas.mac import engine_mac
from schemas.models import Command
from schemas.topics import topics


@dataclass(frozen=True, slots=True)
class EngineCommand:
    """One engine-made command as Kafka carries it; the partition is chosen by the key."""

    topic: str
    partition: int
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """What makes a command the engine's: its key, and which process speaks (``ce_actorid``)."""

    engine_key: bytes
    actor: str

    def put_on(self, tenant: str, command: Command, command_id: str, moment: datetime) -> EngineCommand:
        """A command's record. Its id follows from its cause, so that twice is once; ``moment`` is aware."""
        value = encode(command.TYPE, command.model_dump())
        envelope = Envelope(
            id=command_id,
            type=command.TYPE,
            source=ENGINE_SOURCE,
            subject=command.subject(tenant),
            time=timestamp(moment),
            tenant=tenant,
            actor=self.actor,
        )
        sealed = replace(envelope, mac=engine_mac(self.engine_key, envelope, value))
        topic = topics().command_topic_of(command.TYPE)
        key = message_key(tenant, command.aggregate(tenant))
        return EngineCommand(topic.name, partition_for(key, topic.partitions), key, headers_of(sealed), value)
