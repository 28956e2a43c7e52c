"""Verdicts on versions as engine-made commands."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.engine_commands import EngineCommand, Seal
from schemas.identity import derived_command_id
from schemas.models import ConfirmActivation, FailActivation, SuspendPolicy

ACTOR: Final = "aumos-bundle-service"
"""``ce_actorid`` of what this process says."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Makes records; ``clock`` gives an aware datetime."""

    engine_key: bytes
    clock: Callable[[], datetime]

    def seal(
        self, tenant: str, command: ConfirmActivation | FailActivation | SuspendPolicy, since: str
    ) -> EngineCommand:
        """The record of a verdict on what a version is ``since`` some moment.

        Its id follows from that alone, whichever revision or restart it comes from.
        """
        cause = (command.TYPE, tenant, command.aggregate(tenant), str(command.version), since)
        seal = Seal(self.engine_key, ACTOR)
        return seal.put_on(tenant, command, derived_command_id(*cause), self.clock())
