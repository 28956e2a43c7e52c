"""What the engine's processes beside the lanes say, sealed and published."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from agents.engine_commands import Seal
from agents.outlet import KafkaOutlet
from client.broker import Broker
from schemas.models import Command

ACTOR: Final = "aumos-background"
"""``ce_actorid`` of what the background process says."""


class SealedOutlet:
    """:class:`agents.background.ports.CommandOutlet`; ``clock`` gives an aware datetime."""

    def __init__(
        self, broker: Broker, engine_key: bytes, clock: Callable[[], datetime], actor: str = ACTOR
    ) -> None:
        self._outlet = KafkaOutlet(broker)
        self._seal = Seal(engine_key, actor)
        self._clock = clock

    async def send(self, tenant: str, command: Command, command_id: str) -> None:
        await self._outlet.publish(self._seal.put_on(tenant, command, command_id, self._clock()))

    async def close(self) -> None:
        """Sends what was handed over and disconnects."""
        await self._outlet.close()
