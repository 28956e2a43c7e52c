"""Engine-made commands as Kafka records, sealed with the engine's key."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from agents.bundles.ports import CommandRecord
from schemas.codec import encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.identity import ENGINE_SOURCE, derived_command_id, message_key, partition_for
from schemas.mac import engine_mac
from schemas.models import ConfirmActivation, FailActivation
from schemas.topics import topics

ACTOR: Final = "aumos-bundle-service"
"""``ce_actorid`` of what this process says."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Makes records; ``clock`` gives an aware datetime."""

    engine_key: bytes
    clock: Callable[[], datetime]

    def seal(self, tenant: str, command: ConfirmActivation | FailActivation, since: str) -> CommandRecord:
        """The record of a verdict on the activation that began at ``since``.

        Its id follows from that activation alone, whichever revision or restart it comes from.
        """
        body = encode(command.TYPE, command.model_dump())
        aggregate = command.aggregate(tenant)
        envelope = Envelope(
            id=derived_command_id(command.TYPE, tenant, aggregate, str(command.version), since),
            type=command.TYPE,
            source=ENGINE_SOURCE,
            subject=command.subject(tenant),
            time=timestamp(self.clock()),
            tenant=tenant,
            actor=ACTOR,
        )
        sealed = replace(envelope, mac=engine_mac(self.engine_key, envelope, body))
        topic = topics().command_topic_of(command.TYPE)
        key = message_key(tenant, aggregate)
        return CommandRecord(topic.name, partition_for(key, topic.partitions), key, headers_of(sealed), body)
