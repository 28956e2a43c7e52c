"""Activating a version, and waiting until it decides."""

import asyncio
from typing import Any, Final

from client.api import ReadApi
from client.cli.calling import asking, reading
from client.cli.settings import Settings
from client.errors import Rejected, TimedOut
from client.governance import CallOptions
from client.outcome import Decided
from schemas.identity import policy_id
from schemas.models import Command

POLL_S: Final = 0.2
"""Pause between two looks at an activation, in seconds: OPA polls its bundle about once a second."""


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

    Raises :class:`Rejected` where not every OPA confirms it, :class:`TimedOut`.
    """
    sender = found.sender(tenant, actor)
    options: CallOptions = {"timeout": timeout}
    if command_id is not None:
        options["command_id"] = command_id
    async with asking(found, sender) as client:
        decided = await client.submit(command, "decided", **options)
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
        await asyncio.sleep(POLL_S)


async def read_policy(api: ReadApi, tenant: str, policy: str) -> dict[str, Any]:
    """A policy as the read API shows it, by name or id."""
    return await api.get(f"/api/v1/policies/{policy_id(tenant, policy)}")
