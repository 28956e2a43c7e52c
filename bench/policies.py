"""Every tenant of the bench gets its policy: the example of the documentation, active."""

import asyncio
from time import perf_counter
from typing import Final

from bench.commands import ACTOR, POLICY, tenants
from bench.errors import Stalled
from bench.settings import EVALUATION_TIMEOUT_MS, ROOT, STALLED_S
from bench.system import Addresses
from client.command import Sender
from client.errors import Rejected, UnknownPolicy
from client.governance import GovernanceClient
from schemas.models import ActivatePolicy, CreatePolicy

SOURCE: Final = "bench/setup"
"""``ce_source`` of the set-up's commands."""

EXAMPLE: Final = "model_promotion.rego"
PROBE: Final = {"model": {"risk_level": "limited"}}


async def activate(addresses: Addresses) -> None:
    """Creates and activates what is not active yet; returns when every tenant gets decisions."""
    first = tenants()[0]
    connection = GovernanceClient.connect(addresses.kafka, first, ACTOR, source=SOURCE)
    async with connection as client, asyncio.TaskGroup() as group:
        for tenant in tenants():
            group.create_task(_of_tenant(client.acting(Sender(tenant, ACTOR, SOURCE)), tenant))


async def _of_tenant(named: GovernanceClient, tenant: str) -> None:

    source = (ROOT / "rego" / "examples" / EXAMPLE).read_text(encoding="utf-8")
    create = CreatePolicy(name=POLICY, rego_content=source, timeout_ms=EVALUATION_TIMEOUT_MS)
    try:
        await named.submit(create)
        await named.submit(ActivatePolicy(policy=POLICY, version=1))
    except Rejected as rejected:
        if rejected.reason != "already_exists":
            raise
    deadline = perf_counter() + STALLED_S
    while perf_counter() < deadline:
        try:
            verdict = await named.evaluate(POLICY, PROBE, timeout=STALLED_S)
        except UnknownPolicy:
            await asyncio.sleep(0.2)
            continue
        if verdict.basis == "policy":
            return
    raise Stalled(f"the policy of {tenant} was not active within {STALLED_S:.0f} s")
