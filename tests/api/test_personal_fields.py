"""Encrypted personal fields: who reads them, and for how long."""

import asyncpg

from schemas.personal import SubjectKey, commitment_of, seal, subject_digest
from tests.api.conftest import Api, Dsns, bearer
from tests.api.rows import History

SCOPED = ("governance:read", "personal:read")


async def test_a_personal_field_is_read_with_its_scope_until_its_key_is_destroyed(
    api: Api, history: History, tenant: str, dsns: Dsns
) -> None:
    key = SubjectKey(
        tenant, subject_digest(tenant, "u-1"), f"p-{tenant}", commitment_of(b"k" * 32), b"k" * 32
    )
    await history.policy(tenant, "gate")
    written = await history.decision(
        tenant,
        "gate",
        document=lambda event_id: b'{"name": %b, "n": 1.50}' % seal(key, event_id, 0, b'"Ada"'),
    )

    async def shown(*scopes: str, of: str = tenant) -> bytes:
        path = f"/api/v1/decisions/{written.event_id}"
        response = await api.client.get(path, headers=bearer(of, *scopes))
        return response.content

    pseudonym = b'"input":{"name": {"$personal":"%b"}, "n": 1.50}' % key.pseudonym.encode()
    agents = await asyncpg.connect(dsns.agents)
    try:
        assert pseudonym in await shown(*SCOPED)
        await agents.execute(
            "INSERT INTO governance.subject_key (tenant_id, subject, pseudonym, commitment, key)"
            " VALUES ($1, $2, $3, $4, $5)",
            *(key.tenant, key.subject, key.pseudonym, key.commitment, key.key),
        )
        assert b'"input":{"name": "Ada", "n": 1.50}' in await shown(*SCOPED)
        assert pseudonym in await shown("governance:read")
        assert b"Ada" not in await shown(*SCOPED, of="other")
        await agents.execute(
            "UPDATE governance.subject_key SET key = NULL, destroyed_at = now() WHERE pseudonym = $1",
            key.pseudonym,
        )
        assert pseudonym in await shown(*SCOPED)
    finally:
        await agents.close()


async def test_a_reader_sees_its_tenants_keys_only_and_no_subject(dsns: Dsns) -> None:
    reader = await asyncpg.connect(dsns.reader)
    try:
        assert await reader.fetch("SELECT pseudonym FROM governance.subject_key") == []
        try:
            await reader.fetch("SELECT subject FROM governance.subject_key")
        except asyncpg.InsufficientPrivilegeError:
            return
        raise AssertionError("the reader may see subjects")
    finally:
        await reader.close()
