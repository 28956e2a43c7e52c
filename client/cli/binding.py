"""Adding policies to decision points without taking away what these bind already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from client.api import NOT_FOUND, ReadApi
from client.cli.calling import asking, reading
from client.cli.settings import Settings
from client.errors import ApiRefused
from client.governance import GovernanceClient
from schemas.identity import policy_id
from schemas.models import BindDecisionPoint

PATH = "/api/v1/decision-points"

DEFAULT_COMBINING = "deny_overrides"
"""Of a decision point that is bound for the first time: each policy can only make it stricter."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a decision point binds now, in order."""

    name: str
    policies: list[str]


async def bind_policies(
    found: Settings,
    points: Mapping[str, Sequence[str]],
    tenant: str | None,
    actor: str | None,
    timeout: float,
) -> list[Bound]:
    """Adds policies, by decision point, where they are not bound; needs the read API."""
    sender = found.sender(tenant, actor)
    async with reading(found, tenant) as api, asking(found, sender) as client:
        return [
            await _bind(client, api, sender.tenant, name, wanted, timeout) for name, wanted in points.items()
        ]


async def _bind(
    client: GovernanceClient, api: ReadApi, tenant: str, name: str, wanted: Sequence[str], timeout: float
) -> Bound:
    standing = await _standing(api, name)
    bound = [each["policy"] for each in standing["policies"]] if standing else []
    known = {policy_id(tenant, policy) for policy in bound}
    missing = [policy for policy in wanted if policy_id(tenant, policy) not in known]
    if missing:
        combining = (standing["combining"] if standing else "") or DEFAULT_COMBINING
        command = BindDecisionPoint(name=name, policies=[*bound, *missing], combining=combining)
        version = standing["freshness"]["version"] if standing else 0
        # A binding that another made meanwhile is refused (stale_version), not lost.
        await client.submit(command, "decided", timeout=timeout, expected_version=version)
    return Bound(name, [*bound, *missing])


async def _standing(api: ReadApi, name: str) -> dict[str, Any] | None:
    try:
        return await api.get(f"{PATH}/{quote(name, safe='')}")
    except ApiRefused as error:
        if error.status == NOT_FOUND:
            return None
        raise
