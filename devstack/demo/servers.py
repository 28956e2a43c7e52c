"""Where the demo finds the stack that it runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from client.api import ReadApi
from client.bucket import Bucket
from devstack.servers.postgres import AUDIT
from devstack.stack import Stack
from projections.invariants import Sources
from projections.tokens import mint
from schemas.identity import OPERATOR_TENANT

SCOPES: Final = ("governance:read", "audit:read", "evidence:read")

TOKEN_S: Final = 900
"""Lifetime of the demo's tokens, in seconds: longer than any run."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses and credentials of one stack; they are never printed."""

    kafka: str
    database: str = field(repr=False)
    """Primary database, login gov_agents."""
    api_url: str
    sink_url: str
    token_key: str = field(repr=False)
    wall_writer: str = field(repr=False)
    """Audit database, the sink's own login."""
    wall_superuser: str = field(repr=False)
    bucket: Bucket

    @classmethod
    def of(cls, stack: Stack) -> Servers:
        """The servers of an embedded stack."""
        own = stack.environment("cli")
        return cls(
            kafka=own["AUMOS_KAFKA_BOOTSTRAP_SERVERS"],
            database=own["AUMOS_DATABASE_URL"],
            api_url=own["AUMOS_GOVERNANCE_API_URL"],
            sink_url=own["AUMOS_GOVERNANCE_SINK_API_URL"],
            token_key=own["AUMOS_GOVERNANCE_TOKEN_KEY"],
            wall_writer=stack.environment("sink")["AUMOS_GOVERNANCE_AUDIT_DB_URL"],
            wall_superuser=stack.superuser_dsn(AUDIT),
            bucket=Bucket(
                name=own["AUMOS_GOVERNANCE_EVIDENCE_ARTIFACT_BUCKET"],
                access_key=own["AWS_ACCESS_KEY_ID"],
                secret_key=own["AWS_SECRET_ACCESS_KEY"],
                url=own["AUMOS_GOVERNANCE_S3_URL"],
            ),
        )

    @property
    def sources(self) -> Sources:
        """What the checker of the invariants reads."""
        return Sources(self.kafka, self.database, self.sink_url, self.api_url, self.token_key)

    @asynccontextmanager
    async def reading(self, tenant: str) -> AsyncIterator[ReadApi]:
        """The read API as one tenant sees it."""
        async with ReadApi.connect(self.api_url, lambda: self._token(tenant, SCOPES)) as api:
            yield api

    @asynccontextmanager
    async def auditing(self) -> AsyncIterator[ReadApi]:
        """The sink's own endpoint as an auditor of all tenants sees it."""
        scopes = ("audit:read", "audit:all")
        async with ReadApi.connect(self.sink_url, lambda: self._token(OPERATOR_TENANT, scopes)) as api:
            yield api

    def _token(self, tenant: str, scopes: tuple[str, ...]) -> str:
        return mint(self.token_key, tenant, "demo", scopes, TOKEN_S)
