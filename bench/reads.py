"""Lists and dashboard of the read API over large tables, at a fixed rate.

The reference is an empty answer of the same API: a list of a tenant that has nothing, which costs one
transaction through the same stack.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Final

import asyncpg
import httpx

from bench.baseline import Say
from bench.figures import Figure, Part, Target, expect, percentile
from bench.postgres import as_login, database
from bench.processes import free_port, process, wait_for
from bench.settings import READS_PER_S, TENANTS, Sizes
from bench.system import TOKEN_S, Addresses
from devstack import Stack
from projections.migrations import runner
from projections.migrations.__main__ import LOGINS
from projections.tokens import mint

MUST: Final = Target("ours", "most", 50)
ROWS: Final = Path(__file__).with_suffix(".sql")
LISTS: Final[Mapping[str, str]] = {
    "decisions": "/api/v1/decisions?limit=50",
    "decisions, denied": "/api/v1/decisions?limit=50&outcome=deny",
    "decisions of a resource": "/api/v1/decisions?limit=50&resource=model/m-17",
    "evidence": "/api/v1/evidence?limit=50",
    "evidence, quarantined": "/api/v1/evidence?limit=50&state=quarantined",
    "evidence of a control": "/api/v1/evidence?limit=50&regulation=iso42001&control=A.3.2",
    "workflows": "/api/v1/compliance/workflows?limit=50",
    "dashboard": "/api/v1/compliance/dashboard",
}
EMPTY: Final = "/api/v1/policies?limit=1"
NOBODY: Final = "reader-nobody"


async def measure(addresses: Addresses, stack: Stack, sizes: Sizes, say: Say) -> Part:
    """The figures, in a database of its own on the primary server. Raises :mod:`bench.errors`."""
    passwords = stack.environment("migrations")
    logins = {role: passwords[variable] for role, variable in LOGINS.items()}
    async with database(addresses.primary, "bench_reads") as dsn:
        await runner.migrate(dsn, Path(runner.__file__).parent, logins)
        await _fill(dsn, sizes.rows)
        say(f"{sizes.rows:,} decisions and {sizes.rows:,} pieces of evidence of {TENANTS} tenants are there")
        async with _api(stack, as_login(dsn, "gov_reader", logins["gov_reader"])) as client:
            key = stack.environment("api")["AUMOS_GOVERNANCE_TOKEN_KEY"]
            readers = [_bearer(key, f"reader-{number:02}") for number in range(TENANTS)]
            await _verify(client, readers[0])
            empty = await _ask(client, [EMPTY], [_bearer(key, NOBODY)], sizes.reads)
            waits = {name: await _ask(client, [path], readers, sizes.reads) for name, path in LISTS.items()}
    for name, measured in waits.items():
        say(f"{name}: p50 {percentile(measured, 0.5):.1f} ms, p99 {percentile(measured, 0.99):.1f} ms")
    figures = [_figure(name, measured, empty, sizes) for name, measured in waits.items()]
    return Part(tuple(figures), (f"lists: an empty answer has p50 {percentile(empty, 0.5):.1f} ms",))


async def _fill(dsn: str, rows: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        text = ROWS.read_text(encoding="utf-8")
        await connection.execute(text.replace("{tenants}", str(TENANTS)).replace("{rows}", str(rows)))
    finally:
        await connection.close()


@asynccontextmanager
async def _api(stack: Stack, dsn: str) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    environment = {
        **stack.environment("api"),
        "AUMOS_DATABASE_URL": dsn,
        "AUMOS_GOVERNANCE_API_LISTEN": f"127.0.0.1:{port}",
    }
    environment.pop("AUMOS_GOVERNANCE_METRICS_LISTEN", None)
    url = f"http://127.0.0.1:{port}"
    with process((sys.executable, "-m", "projections.api"), environment):
        await asyncio.to_thread(wait_for, lambda: httpx.get(f"{url}/live", trust_env=False))
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
            yield client


def _bearer(key: str, tenant: str) -> Mapping[str, str]:
    scopes = ("governance:read", "evidence:read")
    return {"Authorization": f"Bearer {mint(key, tenant, 'bench', scopes, TOKEN_S)}"}


async def _verify(client: httpx.AsyncClient, reader: Mapping[str, str]) -> None:
    """Every list is full: an empty one would be fast for nothing."""
    for name, path in LISTS.items():
        answer = await client.get(path, headers=reader)
        expect(answer.status_code == 200, f"{name}: {answer.status_code} {answer.text[:200]}")
        items = answer.json().get("items")
        expect(name == "dashboard" or len(items) >= 10, f"{name}: {len(items or ())} items")
    nobody = (await client.get(EMPTY, headers=reader)).json()["items"]
    expect(len(nobody) == 1, "the reference's list is empty for everybody")


async def _ask(
    client: httpx.AsyncClient, paths: Sequence[str], readers: Sequence[Mapping[str, str]], count: int
) -> list[float]:
    """Milliseconds from when each request was due to its whole answer; READS_PER_S are due a second."""
    start = perf_counter() + 0.1

    async def one(number: int, path: str, reader: Mapping[str, str]) -> float:
        due = start + number / READS_PER_S
        await asyncio.sleep(max(due - perf_counter(), 0))
        answer = await client.get(path, headers=reader)
        expect(answer.status_code == 200, f"{path}: {answer.status_code}")
        return (perf_counter() - due) * 1e3

    asked = zip(range(count), cycle(paths), cycle(readers), strict=False)
    return list(await asyncio.gather(*(one(*each) for each in asked)))


def _figure(name: str, measured: Sequence[float], empty: Sequence[float], sizes: Sizes) -> Figure:
    return Figure(
        name=f"list p99: {name}",
        ours=percentile(measured, 0.99),
        reference=percentile(empty, 0.99),
        unit="ms",
        must=MUST,
        goal=None,
        verified=True,
        conditions=(
            f"{READS_PER_S} requests a second, {sizes.reads} requests, {sizes.rows:,} decisions and as many "
            f"pieces of evidence of {TENANTS} tenants. Reference: an empty list through the same API"
        ),
    )
