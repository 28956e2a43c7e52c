"""Fixtures of the tests of the whole flow: a tenant's client and reader, and the checker at the end."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

import devstack
from client.api import ReadApi
from client.governance import GovernanceClient
from devstack.demo.postgres import Primary
from devstack.demo.rest import Watch, rest
from devstack.demo.servers import Servers
from projections.invariants import Report, check


@pytest.fixture(scope="session")
def servers(system: devstack.Stack) -> Servers:
    """Addresses and credentials of the running system."""
    return Servers.of(system)


@pytest.fixture(scope="session", autouse=True)
def invariants(servers: Servers) -> Iterator[None]:
    """Whatever the tests did to the system: in the end all of it keeps the six invariants."""
    yield
    report = asyncio.run(_at_rest(servers))
    assert report.holds, json.dumps(report.document(), indent=1)


@pytest.fixture
async def api(servers: Servers, tenant: str) -> AsyncIterator[ReadApi]:
    """The read API with a token of the tenant."""
    async with servers.reading(tenant) as reader:
        yield reader


@pytest.fixture
async def gov(servers: Servers, tenant: str, api: ReadApi) -> AsyncIterator[GovernanceClient]:
    """A client of the tenant."""
    async with GovernanceClient.connect(servers.kafka, tenant, "svc-mlops", outcomes=api) as client:
        yield client


async def _at_rest(servers: Servers) -> Report:
    async with AsyncExitStack() as resources:
        primary = await resources.enter_async_context(Primary.connect(servers.database))
        watch = await Watch.open(servers, primary, resources)
        await rest(watch.look, await watch.look(), None, lambda _progress: None)
    return await check(servers.sources)
