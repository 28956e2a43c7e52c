"""Activating a version, and waiting until it decides."""

import asyncio
from typing import Any, Final

from client.api import ReadApi
from client.cli.calling import asking, reading
from client.cli.settings import Settings
from client.cli.submitting import call_options
from client.errors import Rejected, TimedOut
from client.outcome import Decided
from schemas.identity import policy_id
from schemas.models import Command

POLL_S: Final = 0.2
"""Pause between two looks at an activation, in seconds: OPA polls its bundle about once a second."""

RECENT: Final = 20
"""Replays among which one's own is looked for."""

REPLAY_REQUESTED: Final = "governance.policy.replay_requested"


async def activate_and_wait(
    found: Settings,
    command: Command,
    policy: str,
    version: int,
    wait: bool,
    tenant: str | None,
    actor: str | None,
    command_id: str | None,
    timeout: float,
) -> tuple[Decided, dict[str, Any] | None]:
    """The event that answers the command and, with ``wait``, the policy once the version decides.

    Raises :class:`Rejected` where its replay keeps it back or not every OPA confirms it, :class:`TimedOut`.
    """
    sender = found.sender(tenant, actor)
    async with asking(found, sender) as client:
        decided = await client.submit(command, "decided", **call_options(timeout, command_id))
    if not wait:
        return decided, None
    try:
        async with asyncio.timeout(timeout), reading(found, tenant) as api:
            return decided, await _until_it_decides(api, sender.tenant, policy, version, decided)
    except TimeoutError:
        raise TimedOut(decided.command_id, "activated", timeout) from None


async def _until_it_decides(
    api: ReadApi, tenant: str, policy: str, version: int, decided: Decided
) -> dict[str, Any]:
    while True:
        found = await read_policy(api, tenant, policy)
        states = {each["version"]: each["state"] for each in found["versions"]}
        # A version that is activated again after a suspension is pointed to all the while.
        if found["active_version"] == version and states.get(version) == "active":
            return {name: value for name, value in found.items() if name != "versions"}
        if states.get(version) == "activation_failed":
            detail = f"not every OPA confirmed version {version}; look at: governance policy show {policy}"
            raise Rejected("activation_failed", detail, (), decided.command_id, decided.event_id)
        if decided.type == REPLAY_REQUESTED and states.get(version) not in {"replaying", "activating"}:
            await _refuse_kept_back(api, tenant, policy, decided)
        await asyncio.sleep(POLL_S)


async def _refuse_kept_back(api: ReadApi, tenant: str, policy: str, decided: Decided) -> None:
    found = await replays(api, tenant, policy, RECENT)
    for replay in found:
        if replay["replay_id"] == decided.event_id and replay["outcome"] in {"over_budget", "failed"}:
            outcome, reason = replay["outcome"], replay["reason"]
            raise Rejected(outcome, f"not activated: {reason}", (), decided.command_id, decided.event_id)


async def replays(api: ReadApi, tenant: str, policy: str, limit: int) -> list[dict[str, Any]]:
    """The newest replays that activations of a policy waited for."""
    path = f"/api/v1/policies/{policy_id(tenant, policy)}/replays"
    return [item async for item in api.items(path, {}, limit)]


async def read_shadow(api: ReadApi, tenant: str, policy: str) -> dict[str, Any]:
    """A policy's shadow and its figures."""
    return await api.get(f"/api/v1/policies/{policy_id(tenant, policy)}/shadow")


async def read_policy(api: ReadApi, tenant: str, policy: str) -> dict[str, Any]:
    """A policy as the read API shows it, by name or id."""
    return await api.get(f"/api/v1/policies/{policy_id(tenant, policy)}")
