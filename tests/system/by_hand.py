"""What an operator does by the command line more than once, and the policy that it is done with."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

from tests.command_line import Governance
from tests.system.acting import PATIENCE_S, POLL_S
from tests.system.example import GATE_SOURCE

COMMANDS: Final = "governance.evaluation.commands.v1"

Json = dict[str, Any]


def activate(operator: Governance) -> None:
    """Makes a policy named ``gate`` decide; it allows inputs that are ``ok``."""
    file = operator.folder / "gate.rego"
    file.write_text(GATE_SOURCE)
    operator("policy", "create", str(file), "--name", "gate")
    operator("policy", "activate", "gate", "--version", "1")


def held(operator: Governance, position: str, state: str) -> Json:
    """The row of a held record, once it has the state."""
    rows = ("quarantine", "list", "--state", state, "--json")
    return _once(operator, rows, lambda row: row["position"] == position)


def entry(operator: Governance, tenant: str, event_id: str) -> Json:
    """The wall's entry of an event, once the wall has it."""
    entries = ("audit", "list", "--tenant", tenant, "--event-id", event_id, "--json")
    return _once(operator, entries, lambda row: row["event_id"] == event_id)


def lane(operator: Governance, partition: int) -> Json:
    """How far a lane of evaluations is, once all is decided and known to be published."""

    def at_rest(row: Json) -> bool:
        place = row["topic"], row["partition"]
        return place == (COMMANDS, partition) and (row["lag"], row["unpublished"]) == (0, 0)

    return _once(operator, ("lanes", "status", "--json"), at_rest)


def _once(operator: Governance, asking: tuple[str, ...], wanted: Callable[[Json], bool]) -> Json:
    """The first wanted row that a list shows, asked again until it does."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for row in json.loads(operator(*asking)):
            if wanted(row):
                return dict(row)
        time.sleep(POLL_S)
    raise AssertionError(f"not seen in {PATIENCE_S:.0f} s: governance {' '.join(asking)}")
