"""Recorded decisions in bulk, of every tenant, as the role ``gov_replay`` may read them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Final

import asyncpg
import orjson

from agents.errors import Outage
from agents.replay.ports import Asked, Versions
from rego.loaded import Loaded, loaded_package
from rego.replay.comparing import Case, Comparison
from rego.replay.opa import Replayed
from rego.replay.recorded import Cases
from schemas.recorded import recorded_decision

COMMAND_TIMEOUT_S: Final = 30.0
"""Longest wait for one statement, in seconds; a slower database counts as away."""

PAGE: Final = 2_000
"""Decisions read at once: some 3 MB, read in 20 ms while the page before is decided."""

_AWAY: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

_RUNNING: Final = """
SELECT tenant_id, policy_id, version, replay_id, days, requested_at
FROM governance.policy_replay WHERE outcome = 'running' ORDER BY requested_at, replay_id
"""

_VERSIONS: Final = """
SELECT v.version, v.module, v.modules, v.data, p.active_version
FROM governance.policy_version v JOIN governance.policy p USING (tenant_id, policy_id)
WHERE v.tenant_id = $1 AND v.policy_id = $2 AND v.version IN ($3, p.active_version)
"""

_PAGE: Final = """
SELECT d.occurred_at, d.decision_id, e.record
FROM ((SELECT tenant_id, occurred_at, decision_id FROM governance.decision
       WHERE tenant_id = $1 AND policy_id = $2 AND decision_point = '' AND occurred_at >= $3
         AND (occurred_at, decision_id) < ($4, $5)
       ORDER BY occurred_at DESC, decision_id DESC LIMIT $6)
      UNION ALL
      (SELECT tenant_id, occurred_at, decision_id FROM governance.decision_part
       WHERE tenant_id = $1 AND policy_id = $2 AND occurred_at >= $3
         AND (occurred_at, decision_id) < ($4, $5)
       ORDER BY occurred_at DESC, decision_id DESC LIMIT $6)
      ORDER BY occurred_at DESC, decision_id DESC LIMIT $6) said
JOIN governance.decision d USING (tenant_id, decision_id)
JOIN governance.event e ON e.topic = d.topic AND e.partition = d.partition AND e.lane_seq = d.lane_seq
ORDER BY d.occurred_at DESC, d.decision_id DESC
"""
"""Decisions that asked the policy by itself, and at decision points, whichever policy led the outcome."""


class PostgresDecisions:
    """:class:`agents.replay.ports.ReplaySource` on one connection, made anew after an outage.

    Each page is a statement of its own: a long transaction would keep the live tables from being vacuumed.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._turn = asyncio.Lock()

    async def running(self) -> list[Asked]:
        return [Asked(*row) for row in await self._fetch(_RUNNING)]

    async def versions(self, asked: Asked) -> Versions:
        rows = await self._fetch(_VERSIONS, asked.tenant, asked.policy_id, asked.version)
        loaded = {row["version"]: _replayed(asked, row) for row in rows}
        active = rows[0]["active_version"]
        return Versions(loaded[asked.version], None if active is None else (active, loaded[active]))

    async def cases(self, asked: Asked, comparison: Comparison) -> AsyncIterator[Sequence[Case]]:
        made = Cases(comparison)
        since = asked.requested_at - timedelta(days=asked.days)
        place: tuple[object, ...] = asked.requested_at, ""
        while True:
            rows = await self._fetch(_PAGE, asked.tenant, asked.policy_id, since, *place, PAGE)
            found = [made.of(recorded_decision(row["record"], asked.policy_id)) for row in rows]
            yield [case for case in found if case is not None]
            if len(rows) < PAGE:
                return
            place = rows[-1]["occurred_at"], rows[-1]["decision_id"]

    async def close(self) -> None:
        """Gives the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async with self._turn:
            try:
                connection = self._connection or await self._connect()
                return await connection.fetch(query, *arguments)
            except _AWAY as error:
                await self.close()
                raise Outage(f"primary database: {type(error).__name__}: {error}") from error

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        self._connection = await asyncpg.connect(
            self._dsn,
            command_timeout=COMMAND_TIMEOUT_S,
            timeout=COMMAND_TIMEOUT_S,
            server_settings={
                "application_name": "governance-replay",
                "default_transaction_read_only": "on",
                # Newest first by index, row by row: a plan that reads and sorts a policy's whole history
                # for its first page would do so for every page.
                "enable_seqscan": "off",
                "enable_hashjoin": "off",
                "enable_mergejoin": "off",
                # Every row is looked up once, by one process: starting workers for a page costs more.
                "enable_memoize": "off",
                "max_parallel_workers_per_gather": "0",
                "jit": "off",
            },
        )
        return self._connection


def _replayed(asked: Asked, row: asyncpg.Record) -> Replayed:
    modules = tuple((each["path"], each["content"]) for each in orjson.loads(row["modules"]))
    place = loaded_package(asked.tenant, asked.policy_id, row["version"])
    return Replayed(Loaded(row["module"], modules, row["data"]), place)
