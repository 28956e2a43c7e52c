"""Fixtures of the read API's tests: a real Postgres and Kafka, the app in-process, tokens for it."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from fastapi import FastAPI

import devstack
from projections.api.app import create_app
from projections.api.parts import Parts
from projections.api.settings import Settings
from projections.migrations import runner
from projections.tokens import TokenSettings, mint
from schemas.topics import topics
from tests.api.compliance_rows import Compliance
from tests.api.rows import History

DATABASE = "governance_read_api_tests"
KEY = "k" * 64


@dataclass(frozen=True, slots=True)
class Dsns:
    """The tests' own database by role."""

    agents: str
    reader: str
    bundles: str
    background: str
    replay: str
    superuser: str


@dataclass(frozen=True, slots=True)
class Api:
    """An app that runs in this process, and a client of it without a token."""

    app: FastAPI
    client: httpx.AsyncClient

    @property
    def parts(self) -> Parts:
        """What its routes work with."""
        found = self.app.state.parts
        assert isinstance(found, Parts)
        return found

    def replace(self, **parts: Any) -> None:
        """Puts other parts in place."""
        self.app.state.parts = dataclasses.replace(self.parts, **parts)


Serve = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture(scope="session")
def dsns(stack: devstack.Stack) -> Dsns:
    """A migrated database of these tests alone."""
    superuser = stack.superuser_dsn(database=DATABASE)
    worker, api = (stack.environment(name)["AUMOS_DATABASE_URL"] for name in ("worker", "api"))
    others = (stack.environment(name)["AUMOS_DATABASE_URL"] for name in ("bundles", "background", "replay"))
    dsns = (worker, api, *others)
    logins = {str(urlsplit(dsn).username): str(urlsplit(dsn).password) for dsn in dsns}

    async def prepare() -> None:
        connection = await asyncpg.connect(stack.superuser_dsn())
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()
        await runner.migrate(superuser, Path(runner.__file__).parent, logins)

    asyncio.run(prepare())
    agents, reader, bundles, background, replay = map(_in_database, dsns)
    return Dsns(agents, reader, bundles, background, replay, superuser)


@pytest.fixture(scope="session")
def receipts_topic(stack: devstack.Stack) -> str:
    """A topic like that of the receipts, of these tests alone."""
    name = f"governance.audit.receipts.tests.{uuid4().hex[:8]}"

    async def create() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_of(stack))
        await admin.start()
        try:
            await admin.create_topics(
                [NewTopic(name, num_partitions=topics().receipts.partitions, replication_factor=1)]
            )
        finally:
            await admin.close()

    asyncio.run(create())
    return name


@pytest.fixture
async def history(dsns: Dsns) -> AsyncIterator[History]:
    """Writes rows with the agents' role."""
    connection = await asyncpg.connect(dsns.agents)
    try:
        yield History(connection)
    finally:
        await connection.close()


@pytest.fixture
async def compliance(dsns: Dsns) -> AsyncIterator[Compliance]:
    """Writes workflows and evidence with the agents' role."""
    connection = await asyncpg.connect(dsns.agents)
    try:
        yield Compliance(connection)
    finally:
        await connection.close()


@pytest.fixture
def serve(stack: devstack.Stack, dsns: Dsns, receipts_topic: str) -> Serve:
    """Starts the app; keyword arguments are settings by their environment names."""

    @asynccontextmanager
    async def serving(topic: str = receipts_topic, **changed: object) -> AsyncIterator[Api]:
        values = {
            "AUMOS_DATABASE_URL": dsns.reader,
            "AUMOS_KAFKA_BOOTSTRAP_SERVERS": kafka_of(stack),
            "AUMOS_GOVERNANCE_OPA_URL": stack.environment("api")["AUMOS_GOVERNANCE_OPA_URL"],
            "AUMOS_GOVERNANCE_SINK_API_URL": None,
            **changed,
        }
        settings = Settings.model_validate(values)
        app = create_app(settings, TokenSettings(AUMOS_GOVERNANCE_TOKEN_KEY=KEY), topic)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://api") as client,
        ):
            yield Api(app, client)

    return serving


@pytest.fixture
async def api(serve: Serve) -> AsyncIterator[Api]:
    """The app with every setting as it is."""
    async with serve() as running:
        yield running


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test has."""
    return f"t-{uuid4().hex[:12]}"


def bearer(tenant: str, *scopes: str) -> dict[str, str]:
    """Request headers with a token; ``governance:read`` where no scope is named."""
    token = mint(KEY, tenant, "ann", scopes or ("governance:read",), 600)
    return {"Authorization": f"Bearer {token}"}


def _in_database(dsn: str) -> str:
    return urlsplit(dsn)._replace(path=f"/{DATABASE}").geturl()


def kafka_of(stack: devstack.Stack) -> str:
    """Its bootstrap servers."""
    return stack.environment("api")["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]
