"""Verdicts on activations as engine-made commands."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.engine_commands import EngineCommand, Seal
from schemas.identity import derived_command_id
from schemas.models import ConfirmActivation, FailActivation

ACTOR: Final = "aumos-bundle-service"
"""``ce_actorid`` of what this process says."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Makes records; ``clock`` gives an aware datetime."""

    engine_key: bytes
    clock: Callable[[], datetime]

    def seal(self, tenant: str, command: ConfirmActivation | FailActivation, since: str) -> EngineCommand:
        """The record of a verdict on the activation that began at ``since``.

        Its id follows from that activation alone, whichever revision or restart it comes from.
        """
        cause = (command.TYPE, tenant, command.aggregate(tenant), str(command.version), since)
        seal = Seal(self.engine_key, ACTOR)
        return seal.put_on(tenant, command, derived_command_id(*cause), self.clock())
