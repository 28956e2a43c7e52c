"""Every tenant gets the four policies, active with the source of this checkout."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from client.api import ReadApi
from client.errors import ApiRefused
from client.governance import GovernanceClient
from devstack.demo.errors import NotActivated
from devstack.demo.gates import GATES, Gate
from devstack.demo.malformed.policies import ACTOR
from devstack.demo.records import Run
from devstack.demo.servers import Servers
from projections.invariants.evidence import SeenPolicy
from projections.invariants.http import seen_policy
from schemas.identity import policy_id
from schemas.models import ActivatePolicy, Command, UpdatePolicy

ACTIVATION_S: Final = 60.0
"""How long all policies together may take to become active: a bundle is fetched within 2 s."""

POLL_S: Final = 0.2
"""Seconds between two looks at the policies."""


@dataclass(slots=True)
class Setup:
    """What setting up took."""

    sent: int = 0
    """Commands that the client sent."""
    active: int = 0
    """Policies that the read API shows as active."""
    seen: list[SeenPolicy] = field(default_factory=list)
    """Everything that the read API showed on the way, for the sixth invariant."""


async def activate_policies(servers: Servers, run: Run, tenants: Sequence[str]) -> Setup:
    """Creates or updates what differs and waits until all are active; a second time there is nothing to do.

    Raises :class:`NotActivated` and the errors of :mod:`client.errors`.
    """
    found = Setup()
    sender = run.sender(tenants[0], ACTOR)
    async with GovernanceClient.connect(servers.kafka, sender.tenant, ACTOR, source=run.source) as client:
        try:
            async with asyncio.TaskGroup() as group:
                for tenant in tenants:
                    named = client.acting(run.sender(tenant, ACTOR))
                    group.create_task(_of_tenant(servers, named, tenant, found))
        except ExceptionGroup as failed:
            # One reason is enough for a person, and the others are most likely the same.
            raise failed.exceptions[0] from failed
    return found


async def _of_tenant(servers: Servers, client: GovernanceClient, tenant: str, found: Setup) -> None:
    async with servers.reading(tenant) as api:
        for gate in GATES:
            for command in missing(gate, await _policy(api, tenant, gate)):
                await client.submit(command)
                found.sent += 1
        await _wait_active(api, tenant, found)


def missing(gate: Gate, policy: dict[str, Any] | None) -> list[Command]:
    """The commands that make the gate's own source the deciding one."""
    if policy is None:
        return [gate.command(), ActivatePolicy(policy=gate.name, version=1)]
    newest = policy["versions"][0]
    if newest["rego_content"] != gate.source:
        update = UpdatePolicy(policy=gate.name, rego_content=gate.source)
        return [update, ActivatePolicy(policy=gate.name, version=newest["version"] + 1)]
    if newest["state"] in {"active", "activating"}:
        return []
    return [ActivatePolicy(policy=gate.name, version=newest["version"])]


async def _policy(api: ReadApi, tenant: str, gate: Gate) -> dict[str, Any] | None:
    try:
        return await api.get(f"/api/v1/policies/{policy_id(tenant, gate.name)}")
    except ApiRefused as error:
        if error.status == httpx.codes.NOT_FOUND:
            return None
        raise


async def _wait_active(api: ReadApi, tenant: str, found: Setup) -> None:
    names = {gate.name for gate in GATES}
    deadline = time.monotonic() + ACTIVATION_S
    while True:
        shown = [item async for item in api.items("/api/v1/policies", {}, 100)]
        found.seen += [seen_policy(tenant, item) for item in shown]
        waiting = [
            item["name"]
            for item in shown
            if item["name"] in names and item["active_version"] != item["newest_version"]
        ]
        if not waiting:
            found.active += len(names & {item["name"] for item in shown})
            return
        if time.monotonic() > deadline:
            raise NotActivated(
                f"{waiting[0]!r} of {tenant} is not active after {ACTIVATION_S:.0f} s; "
                "the bundle service and OPA say why: governance status names their logs"
            )
        await asyncio.sleep(POLL_S)
