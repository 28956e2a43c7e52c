"""The ledger at size: memory of the appender, inclusion proofs, and the whole log verified offline.

One wall is loaded by the sink's own appender and signed by the notary's own code; the bucket is a folder.
"""

import asyncio
import json
import os
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final
from uuid import uuid4

import asyncpg
import httpx

from audit_sink.api.postgres import opened as opened_trail
from audit_sink.api.settings import ApiSettings
from audit_sink.append import Run, prepare
from audit_sink.ledger.keys import new_secret, signer, verifier
from audit_sink.ledger.proofs import check_inclusion
from audit_sink.ledger.prover import TileProver
from audit_sink.migrations.__main__ import LOGINS, migrate_wall
from audit_sink.notary.memory import KeptNote
from audit_sink.notary.notary import Notary
from audit_sink.notary.postgres import opened as opened_wall
from audit_sink.notary.shelves import prover
from audit_sink.notary.witnesses import Witnesses
from audit_sink.postgres import PostgresWall
from audit_sink.verify.fetching import JOBS
from audit_sink.verify.log import LogCheck
from audit_sink.verify.report import Report
from audit_sink.verify.sources import Folder
from audit_sink.verify.trust import Trust
from audit_sink.wall import LOG_TREE, NOTARY_LANE
from bench.baseline import Say
from bench.figures import Figure, Part, Target, expect, percentile
from bench.folder_shelf import FolderShelf
from bench.postgres import as_login, database
from bench.processes import free_port, process, wait_for
from bench.settings import SEED, Sizes
from bench.system import TOKEN_S, Addresses
from devstack import Stack
from projections.tokens import mint
from schemas.identity import OPERATOR_TENANT
from schemas.leaf import decode_entry

ORIGIN: Final = "bench.example/log"
PROVEN: Final = 1_000_000
"""Size of the tree that the proofs are for, where the wall is as large."""
STATEMENTS: Final = 1_000
FLAT_FROM: Final = 10_000
FLAT_OVER: Final = 50_000
"""Entries over which memory is a median: it goes up and down with the batch that is in hand."""
SAID_EVERY: Final = 120
"""Polls from one line of progress to the next."""


@dataclass(frozen=True, slots=True, repr=False)
class Logins:
    """The bench's wall by role; the addresses hold passwords."""

    superuser: str
    writer: str
    reader: str
    notary: str


async def measure(addresses: Addresses, stack: Stack, sizes: Sizes, say: Say) -> Part:
    """The figures, in a database of its own; raises the errors of :mod:`bench.errors`."""
    passwords = stack.environment("audit-migrations")
    logins = {role: passwords[variable] for role, variable in LOGINS.items()}
    with tempfile.TemporaryDirectory(prefix="aumos-bench-log-") as name:
        folder, secret = Path(name), new_secret()
        async with database(addresses.audit, "bench_ledger") as dsn:
            await migrate_wall(dsn, logins)
            by_role = [
                as_login(dsn, f"gov_audit_{role}", logins[f"gov_audit_{role}"])
                for role in ("writer", "reader", "notary")
            ]
            wall = Logins(dsn, *by_role)
            memory = await _load(wall, sizes, say)
            proofs = await _proofs(wall, sizes, say)
            await _sign(wall, folder, secret)
        # Offline: no server tidies up after the load any more.
        trust = Trust(ORIGIN, (verifier(signer(ORIGIN, secret).vkey),))
        verified, remark = await _verification(folder, trust, sizes, say)
    return Part((memory, *proofs, verified), (remark,))


async def _load(wall: Logins, sizes: Sizes, say: Say) -> Figure:
    """Fills the wall in a process of its own."""
    loading = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.loading", str(sizes.ledger_entries)),
        env={**os.environ, "BENCH_WALL_DSN": wall.writer},
        stdout=asyncio.subprocess.PIPE,
    )
    memory: dict[int, float] = {}
    assert loading.stdout is not None
    async for line in loading.stdout:
        told = json.loads(line)
        memory[told["entries"]] = told["rss_mb"]
        if len(memory) % SAID_EVERY == 0:
            say(f"{told['entries']:,} entries, {told['rss_mb']:.0f} MB")
    expect(await loading.wait() == 0, "the wall could not be loaded")
    last = max(memory)
    early = [mb for entries, mb in memory.items() if FLAT_FROM <= entries < FLAT_FROM + FLAT_OVER]
    late = [mb for entries, mb in memory.items() if last - FLAT_OVER < entries]
    return Figure(
        name="sink memory",
        ours=median(late),
        reference=median(early),
        unit="MB",
        must=Target("ratio", "most", 1.1),
        goal=Target("ratio", "most", 1.05),
        verified=True,
        conditions=(
            f"resident set of a process that appends {last:,} entries, median over the last {FLAT_OVER:,}; "
            f"at most {max(memory.values()):.0f} MB on the way. "
            f"Reference: the same process over as many from {FLAT_FROM:,} on"
        ),
    )


async def _proofs(wall: Logins, sizes: Sizes, say: Say) -> Sequence[Figure]:
    """Through the endpoint and in the library, each proof checked against the root of its size."""
    connection = await asyncpg.connect(wall.superuser)
    try:
        newest = await connection.fetchrow(
            "SELECT next_index, root_after FROM governance_audit.gov_audit_batches"
            " WHERE next_index <= $1 ORDER BY batch_no DESC LIMIT 1",
            PROVEN,
        )
        expect(newest is not None, "the wall is empty")
        size, root = tuple(newest or ())
        leaves = {
            index: await connection.fetchval(
                "SELECT leaf_hash FROM governance_audit.gov_audit_trail_entries WHERE leaf_index = $1", index
            )
            for index in random.Random(SEED).sample(range(size), sizes.proofs)
        }
    finally:
        await connection.close()

    async def timed(ask: Callable[[int], Coroutine[Any, Any, Sequence[bytes]]]) -> list[float]:
        waits = []
        for index, leaf in leaves.items():
            began = perf_counter()
            proof = await ask(index)
            waits.append((perf_counter() - began) * 1e3)
            check_inclusion(leaf, index, size, proof, root)
        return waits

    async with _endpoint(wall) as (http, settings):

        async def over_http(index: int) -> Sequence[bytes]:
            answer = await http.get(f"/entries/{index}/proof", params={"size": size})
            answer.raise_for_status()
            return [bytes.fromhex(each) for each in answer.json()["hashes"]]

        ready = []
        for _ in range(sizes.proofs // 4):
            began = perf_counter()
            (await http.get("/ready")).raise_for_status()
            ready.append((perf_counter() - began) * 1e3)
        asked = await timed(over_http)
        async with opened_trail(settings) as trail:
            made = await timed(lambda index: TileProver(trail.tiles).inclusion(index, size))
    say(f"proofs of {size:,} entries: {percentile(asked, 0.99):.1f} ms over HTTP, p99")
    return [
        Figure(
            name=f"inclusion proof p99, {where}",
            ours=percentile(waits, 0.99),
            reference=percentile(ready, 0.99),
            unit="ms",
            must=Target("ours", "most", 20),
            goal=Target("ours", "most", 5),
            verified=True,
            conditions=(
                f"{len(waits):,} random entries of the tree of {size:,}, one after the other, each proof "
                "checked; median "
                f"{percentile(waits, 0.5):.1f} ms. Reference: `/ready` of the same process, one query"
            ),
        )
        for where, waits in (("HTTP", asked), ("library", made))
    ]


@asynccontextmanager
async def _endpoint(wall: Logins) -> AsyncIterator[tuple[httpx.AsyncClient, ApiSettings]]:
    """The sink's read endpoint over the bench's wall, asked as an auditor of all."""
    key = uuid4().hex + uuid4().hex
    address = f"127.0.0.1:{free_port()}"
    own = {
        "AUMOS_GOVERNANCE_AUDIT_DB_URL": wall.reader,
        "AUMOS_GOVERNANCE_TOKEN_KEY": key,
        "AUMOS_GOVERNANCE_SINK_API_LISTEN": address,
    }
    token = mint(key, OPERATOR_TENANT, "bench", ("audit:read", "audit:all"), TOKEN_S)
    with process((sys.executable, "-m", "audit_sink.api"), {**os.environ, **own}):
        await asyncio.to_thread(wait_for, lambda: httpx.get(f"http://{address}/ready", trust_env=False))
        async with httpx.AsyncClient(
            base_url=f"http://{address}", headers={"Authorization": f"Bearer {token}"}, trust_env=False
        ) as http:
            yield http, ApiSettings.model_validate(own)


async def _verification(folder: Path, trust: Trust, sizes: Sizes, say: Say) -> tuple[Figure, str]:
    ratios = []
    for _ in range(sizes.alternations):
        hashed, total = _hash_all(folder)
        began = perf_counter()
        report = Report(ORIGIN)
        check = LogCheck(Folder(folder), trust, report, lambda done, total: None)
        await check.run([], datetime.now(UTC))
        ours = perf_counter() - began
        expect(report.finished and report.holds, f"the log does not hold: {report.document()}")
        expect(report.size >= sizes.ledger_entries, "not all of the log was verified")
        ratios.append((report.size / ours, report.size / hashed))
        say(f"verified {report.size / ours:,.0f} entries/s, hashed {report.size / hashed:,.0f}/s")
    middle = sorted(ratios, key=lambda pair: pair[0] / pair[1])[len(ratios) // 2]
    compared = ", ".join(f"{each.name} {each.compared:,}" for each in report.checks.values())
    figure = Figure(
        name="offline verification",
        ours=middle[0],
        reference=middle[1],
        unit="entries/s",
        must=Target("ratio", "least", 0.2),
        goal=Target("ratio", "least", 0.5),
        verified=True,
        conditions=(
            f"every check over {report.size:,} entries of {total // report.size} bytes from a folder, "
            f"up to {JOBS} processes, started for it; the median of the turns. "
            "Reference: reading the same bundles and hashing them once, one process"
        ),
    )
    return figure, f"offline verification compared {compared}"


def _hash_all(folder: Path) -> tuple[float, int]:
    """Seconds that hashing the entries' files takes, and their bytes."""
    began, total = perf_counter(), 0
    for path in (folder / "tile" / "entries").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            sha256(data).digest()
            total += len(data)
    return perf_counter() - began, total


async def _sign(wall: Logins, folder: Path, secret: str) -> None:
    """The notary's rounds over the whole wall; what it says is taken over as the sink does."""
    shelf = FolderShelf(folder)
    async with PostgresWall(wall.writer, 5) as writing, opened_wall(wall.notary) as reading:
        expect(await writing.try_lead() is not None, "another sink writes to the bench's wall")
        notary = Notary(
            ORIGIN,
            [signer(ORIGIN, secret)],
            reading,
            shelf,
            KeptNote(),
            Witnesses([], 0, prover(shelf)),
            lambda: datetime.now(UTC),
            "bench",
        )
        while await notary.round() | await _take_over(writing):
            pass


async def _take_over(wall: PostgresWall) -> bool:
    """Appends the notary's new statements; whether there were any."""
    state = await wall.read_state()
    end = state.lane(NOTARY_LANE)
    said = [decode_entry(each)[0] for each in await wall.statements(end.next_lane_seq, STATEMENTS)]
    if not said:
        return False
    run = Run(NOTARY_LANE, end.next_offset, said, [dict(record.headers) for record in said])
    tenants = {(dict(record.headers).get("ce_tenantid") or b"") for record in said}
    await wall.append(prepare(state, [run], await wall.trees([LOG_TREE, *sorted(tenants)])))
    return True
