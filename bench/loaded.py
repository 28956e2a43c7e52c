"""Thousands of policies in the system, more quickly than thousands of submissions take.

The first are submitted and activated by commands, as anybody's. The rest are rows that the database
copies from one of them, under other names: what the bundle service reads, OPA loads and a decision
asks is the same, but no event tells of them, so this is for a stack of the bench's own.
"""

import asyncio
import re
from collections.abc import Sequence
from time import perf_counter
from typing import Final

import asyncpg
import httpx

from bench.commands import ACTOR
from bench.errors import Stalled
from bench.settings import EVALUATION_TIMEOUT_MS, ROOT
from bench.system import Addresses
from client.command import Sender
from client.governance import GovernanceClient
from devstack import Stack
from schemas.identity import policy_id
from schemas.models import ActivatePolicy, CreatePolicy

SOURCE: Final = "bench/setup"
PER_TENANT: Final = 20
"""Policies of one tenant; tenants are what is spread over OPA processes."""

SUBMITTED: Final = 100
"""So many go through submission and activation; the rest are copies."""

PATIENCE_S: Final = 120.0
"""Longest time that a submission, or the last activation, may take, in seconds."""

AT_ONCE: Final = 16
"""Submissions under way."""

EXAMPLE: Final = "model_promotion.rego"

_COPY_POLICIES: Final = """
INSERT INTO governance.policy
SELECT copy.* FROM governance.policy p
  CROSS JOIN unnest($3::text[], $4::text[], $5::text[]) AS k (tenant, id, name)
  CROSS JOIN jsonb_populate_record(p, jsonb_build_object(
      'tenant_id', k.tenant, 'policy_id', k.id, 'name', k.name)) AS copy
 WHERE (p.tenant_id, p.policy_id) = ($1, $2)
"""
_COPY_VERSIONS: Final = """
INSERT INTO governance.policy_version
SELECT copy.* FROM governance.policy_version v
  CROSS JOIN unnest($3::text[], $4::text[]) AS k (tenant, id)
  CROSS JOIN replace(v.module, to_json($1::text)::text, to_json(k.tenant)::text) AS tenants (module)
  CROSS JOIN replace(tenants.module, $2::text, k.id) AS moved (module)
  CROSS JOIN jsonb_populate_record(v, jsonb_build_object(
      'tenant_id', k.tenant, 'policy_id', k.id, 'module', moved.module,
      'module_digest', encode(sha256(convert_to(moved.module, 'UTF8')), 'hex'))) AS copy
 WHERE (v.tenant_id, v.policy_id) = ($1, $2)
"""
_ACTIVE: Final = """
SELECT count(*) FROM governance.policy WHERE tenant_id LIKE 'load-%' AND active_version IS NOT NULL
"""


def names(count: int) -> list[tuple[str, str]]:
    """Tenant and policy name of the first ``count``."""
    return [
        (f"load-{number // PER_TENANT:03}", f"Loaded {number % PER_TENANT:02}") for number in range(count)
    ]


async def fill(addresses: Addresses, before: int, count: int) -> None:
    """Brings the number of active policies made here from ``before`` to ``count``.

    Returns once the database has them all active; what OPA holds follows.
    """
    wanted = names(count)[before:]
    submitted = wanted[: max(SUBMITTED - before, 0)]
    if submitted:
        await _submit(addresses, submitted)
    if copied := wanted[len(submitted) :]:
        await _copy(addresses, copied)


async def settled(stack: Stack, count: int) -> None:
    """Returns once the OPA processes serve their newest bundles, with ``count`` versions at least.

    Raises :class:`Stalled`.
    """
    listen = stack.environment("bundles")["AUMOS_GOVERNANCE_BUNDLE_LISTEN"]
    deadline = perf_counter() + PATIENCE_S
    async with httpx.AsyncClient(base_url=f"http://{listen}", trust_env=False) as http:
        while perf_counter() < deadline:
            await asyncio.sleep(0.1)
            text = (await http.get("/metrics")).text
            offered, confirmed, versions = (
                dict(re.findall(rf'_bundles_{which}{{opa="(.+?)"}} (\S+)', text))
                for which in ("offered_revision", "confirmed_revision", "versions")
            )
            if offered == confirmed and sum(map(float, versions.values())) >= count:
                return
    raise Stalled(f"OPA did not load the newest bundles within {PATIENCE_S:.0f} s")


async def _submit(addresses: Addresses, wanted: Sequence[tuple[str, str]]) -> None:
    source = (ROOT / "rego" / "examples" / EXAMPLE).read_text(encoding="utf-8")
    slots = asyncio.Semaphore(AT_ONCE)
    connection = GovernanceClient.connect(addresses.kafka, wanted[0][0], ACTOR, source=SOURCE)
    async with connection as client, asyncio.TaskGroup() as group:
        for tenant, name in wanted:
            create = CreatePolicy(name=name, rego_content=source, timeout_ms=EVALUATION_TIMEOUT_MS)
            named = client.acting(Sender(tenant, ACTOR, SOURCE))
            group.create_task(_one(named, create, slots))
    database = await asyncpg.connect(addresses.primary)
    try:
        deadline = perf_counter() + PATIENCE_S
        while int(await database.fetchval(_ACTIVE)) < len(wanted):
            if perf_counter() > deadline:
                raise Stalled(f"{len(wanted)} policies were not active within {PATIENCE_S:.0f} s")
            await asyncio.sleep(0.1)
    finally:
        await database.close()


async def _one(client: GovernanceClient, create: CreatePolicy, slots: asyncio.Semaphore) -> None:
    async with slots:
        await client.submit(create, timeout=PATIENCE_S)
        await client.submit(ActivatePolicy(policy=create.name, version=1), timeout=PATIENCE_S)


async def _copy(addresses: Addresses, wanted: Sequence[tuple[str, str]]) -> None:
    tenant, name = names(1)[0]
    original = (tenant, policy_id(tenant, name))
    tenants = [each for each, _ in wanted]
    ids = [policy_id(each, named) for each, named in wanted]
    connection = await asyncpg.connect(addresses.primary)
    try:
        async with connection.transaction():
            await connection.execute(_COPY_POLICIES, *original, tenants, ids, [named for _, named in wanted])
            await connection.execute(_COPY_VERSIONS, *original, tenants, ids)
            await connection.execute("SELECT pg_notify('policy_versions', '')")
    finally:
        await connection.close()
