"""The primary database over asyncpg, as the role ``gov_reader``.

Every request is one REPEATABLE READ READ ONLY transaction with ``governance.tenant`` set for it
alone; row-level security does the rest, so a query that forgets the tenant still sees no other's
rows.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

from projections.api.session import DatabaseUnavailable, Row, Session
from projections.api.settings import Settings

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

_SET_TENANT: Final = "SELECT set_config('governance.tenant', $1, true)"
_CHECK: Final = "SELECT 1 FROM governance.policy LIMIT 1"

_BY_INDEX: Final = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
"""Every question here is narrow and has its index. Where one tenant owns much of a table, the planner would
rather read all of it, and an answer's time would follow the table's size."""

_AWAY: Final = (
    OSError,  # refused, reset; and TimeoutError
    asyncpg.InterfaceError,  # the connection closed under us
    asyncpg.InternalClientError,  # it broke in the middle of an answer
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutdown, starting up, statement timeout
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.InvalidAuthorizationSpecificationError,
)
"""What asyncpg raises when the database, and not the statement, is the reason."""


class PostgresDatabase:
    """A pool of reader connections. Implements :class:`projections.api.session.Database`."""

    def __init__(self, pool: "Pool", timeout_s: float) -> None:
        self._pool = pool
        self._timeout_s = timeout_s

    @asynccontextmanager
    async def reading(self, tenant: str) -> AsyncIterator[Session]:
        """See the port."""
        try:
            async with (
                self._pool.acquire(timeout=self._timeout_s) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                await connection.execute(_SET_TENANT, tenant)
                yield _PostgresSession(connection)
        except asyncpg.DataError:
            raise  # a value that does not fit its column is our mistake
        except _AWAY as error:
            raise DatabaseUnavailable(type(error).__name__) from error

    async def check(self) -> None:
        """See the port."""
        try:
            async with self.reading("") as session:
                await session.row(_CHECK)
        except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError) as error:
            raise DatabaseUnavailable("not migrated") from error


class _PostgresSession:
    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    async def rows(self, statement: str, *arguments: object) -> Sequence[Row]:
        return await self._connection.fetch(statement, *arguments)

    async def row(self, statement: str, *arguments: object) -> Row | None:
        return await self._connection.fetchrow(statement, *arguments)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[PostgresDatabase]:
    """The database of the settings, closed at the end. Connects at the first use when ``pool_min`` is 0."""
    timeout_s = settings.database_timeout_ms / 1000
    async with asyncpg.create_pool(
        settings.database_url.get_secret_value(),
        min_size=settings.pool_min,
        max_size=settings.pool_max,
        timeout=timeout_s,
        command_timeout=timeout_s,
        server_settings={
            "application_name": "governance-api",
            "default_transaction_read_only": "on",
            **_BY_INDEX,
            "statement_timeout": str(settings.database_timeout_ms),
            "idle_in_transaction_session_timeout": str(settings.database_timeout_ms),
        },
    ) as pool:
        yield PostgresDatabase(pool, timeout_s)
