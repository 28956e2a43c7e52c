"""Policies that move between versions while decisions are asked of them.

Each has several versions, every one of which says its own number. One decides, the one before is still
loaded, the next was never: activating it needs a bundle, rolling back needs none.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import orjson

from bench.commands import ACTOR, TIME
from bench.errors import Stalled
from bench.settings import EVALUATION_TIMEOUT_MS, INPUT_BYTES, RESOURCES
from bench.stream import Make, Stream
from client.command import Options, Sender, evaluate_command, outgoing
from client.errors import UnknownPolicy
from client.governance import GovernanceClient
from client.outcome import Decided
from client.transport import Outgoing
from schemas.identity import new_command_id
from schemas.models import ActivatePolicy, CreatePolicy, RollbackPolicy, UpdatePolicy

POLICY: Final = "Moving Gate"
SOURCE: Final = "bench/moving"
PATIENCE_S: Final = 120.0


def source_of(version: int) -> str:
    """A module whose decision names its version."""
    return f"""package moving

decision := {{"allow": input.n >= 0, "violations": violations, "says": {version}}}

violations contains "negative" if input.n < 0
"""


@dataclass(slots=True)
class Mover:
    """One policy and where it stands; ``client`` acts for its tenant."""

    client: GovernanceClient
    tenant: str
    active: int = 0
    before: int = 0
    """The version that decided before, still loaded; 0 for none."""

    newest: int = 0
    """The last version that was activated for the first time."""

    async def prepare(self, versions: int) -> None:
        """Submits so many versions."""
        create = CreatePolicy(name=POLICY, rego_content=source_of(1), timeout_ms=EVALUATION_TIMEOUT_MS)
        await self.client.submit(create, timeout=PATIENCE_S)
        for version in range(2, versions + 1):
            update = UpdatePolicy(policy=POLICY, rego_content=source_of(version))
            await self.client.submit(update, timeout=PATIENCE_S)

    async def activate(self) -> Decided:
        """Asks for a version that was never loaded; returns at the request's event."""
        wanted = self.newest = self.newest + 1
        found = await self.client.submit(ActivatePolicy(policy=POLICY, version=wanted), timeout=PATIENCE_S)
        self.before, self.active = self.active, wanted
        return found

    async def decides(self) -> int:
        """The version that decides now; 0 for none."""
        try:
            return (await self.client.evaluate(POLICY, {"n": 1}, timeout=PATIENCE_S)).version or 0
        except UnknownPolicy:
            return 0

    async def roll_back(self) -> Decided:
        """Goes back to the version before; returns at its event."""
        found = await self.client.submit(RollbackPolicy(policy=POLICY, reason="bench"), timeout=PATIENCE_S)
        self.before, self.active = self.active, self.before
        return found


async def movers(client: GovernanceClient, tenants: Sequence[str], versions: int) -> list[Mover]:
    """One for each tenant, submitted, with nothing active; can be activated as often as it has versions."""
    found = [Mover(client.acting(Sender(tenant, ACTOR, SOURCE)), tenant) for tenant in tenants]
    await asyncio.gather(*(mover.prepare(versions) for mover in found))
    return found


def asker() -> Make:
    """Evaluations of movers with inputs of :data:`INPUT_BYTES`, over many resources."""
    number = 0

    def make(tenant: str) -> Outgoing:
        nonlocal number
        number += 1
        document = orjson.dumps({"n": number, "pad": ""})
        document = document[:-2] + b"." * (INPUT_BYTES - len(document)) + b'"}'
        command = evaluate_command(POLICY, document, f"model/m-{number % RESOURCES}", "gate")
        return outgoing(command, Sender(tenant, ACTOR, SOURCE), Options(new_command_id(), TIME))

    return make


async def activate_all(found: Sequence[Mover]) -> None:
    """The next version of all at once; returns when each decides."""
    await asyncio.gather(*(mover.activate() for mover in found))
    deadline = perf_counter() + PATIENCE_S
    for mover in found:
        while await mover.decides() != mover.active:
            await asyncio.sleep(0.1)
            if perf_counter() > deadline:
                raise Stalled(f"version {mover.active} of {mover.tenant} does not decide")


async def churn(stream: Stream, found: Sequence[Mover], changes: int) -> int:
    """So many activations and rollbacks in turns, of all movers side by side, each seen by the stream.

    Returns how many there were.
    """
    each = -(-changes // len(found))
    await asyncio.gather(*(_turns(stream, mover, each) for mover in found))
    return each * len(found)


async def _turns(stream: Stream, mover: Mover, changes: int) -> None:
    for number in range(changes):
        began = perf_counter()
        await (mover.roll_back() if number % 2 else mover.activate())
        await stream.first(mover.tenant, mover.active, began)
