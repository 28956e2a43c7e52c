"""Decisions while versions come and go, on the running system; the bench does the same at scale."""

from uuid import uuid4

import devstack
from bench.moving import activate_all, asker, churn, movers
from bench.order import activations, check_order
from bench.stream import Stream
from bench.system import Addresses
from client.governance import GovernanceClient

CHANGES = 24


async def test_no_decision_is_lost_or_mixed_while_versions_are_activated_and_rolled_back(
    system: devstack.Stack,
) -> None:
    addresses = Addresses.of(system)
    tenants = [f"moving-{uuid4().hex[:10]}" for _ in range(4)]
    async with GovernanceClient.connect(addresses.kafka, tenants[0], "ann") as client:
        found = await movers(client, tenants, versions=2 + CHANGES // len(tenants) // 2)
        for _ in range(2):
            await activate_all(found)
        async with Stream.flowing(addresses.kafka, tenants, asker(), rate=60) as stream:
            assert await churn(stream, found, CHANGES) == CHANGES
    seen = check_order(stream.due, stream.decisions, await activations(addresses))
    assert seen >= CHANGES
    assert len(stream.decisions) == len(stream.sent)
