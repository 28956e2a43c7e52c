"""The lane store on PostgreSQL: a fixed number of statements a batch, whatever its size."""

from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

import asyncpg
import orjson

from agents.decisions.answering import Pointer
from agents.decisions.evaluation import Gate
from agents.lanes.ports import LaneRow, Position, QuarantineRow
from agents.records import LaneId
from agents.store import rows, sql
from agents.store.faults import translated
from agents.store.transaction import PostgresTransaction, held, locked, pointers, points, policies
from projections.apply.decision import EVALUATED
from projections.apply.decision_point import DecisionPointKey
from projections.apply.decision_stats import Group, Names
from projections.apply.policy import PolicyKey, PolicyState
from schemas.codec import decode
from schemas.leaf import EventRecord, decode_entry
from schemas.topics import event_topic_of

_BY_KEY: Final = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off"}
"""Every statement of a lane looks up keys. Without statistics, or with those of an hour ago, the planner
would rather read a whole table, and a batch would cost more with every command ever decided."""

MAX_COUNTED_GROUPS: Final = 10_000
"""Groups whose counted names are remembered, so that they need not be read: about 10 MB at most."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def _translated(
    method: Callable[Arguments, Coroutine[Any, Any, Result]],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    @wraps(method)
    async def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with translated():
            return await method(*args, **kwargs)

    return call


async def _nothing_to_reset(_: object) -> None:
    """Between two users of a connection: no statement here leaves anything in its session, and asking the
    server to tidy up costs as much as a read."""


class PostgresStore:
    """A :class:`agents.lanes.ports.LaneStore` on a pool of connections."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._counted_names: dict[Group, Names] = {}
        """Rows of counts are never taken away, so what was seen of them stays true."""

    @classmethod
    @_translated
    async def connect(cls, dsn: str, size: int, session_s: float) -> "PostgresStore":
        """A store whose sessions give up locks before the group gives their lanes away.

        ``session_s`` is the Kafka session time-out: a paused owner must not freeze a lane, so idle
        transactions and lock waits end earlier, and TCP keepalives find dead peers.
        """
        limit_ms = str(int(session_s * 500))

        async def prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
            await connection.set_type_codec(
                "jsonb", schema="pg_catalog", encoder=lambda v: orjson.dumps(v).decode(), decoder=orjson.loads
            )

        pool = await asyncpg.create_pool(
            dsn,
            min_size=min(2, size),
            max_size=size,
            init=prepare,
            reset=_nothing_to_reset,
            command_timeout=session_s * 2,
            server_settings={
                "search_path": "governance",
                "idle_in_transaction_session_timeout": limit_ms,
                "lock_timeout": limit_ms,
                **_BY_KEY,
                "tcp_keepalives_idle": "5",
                "tcp_keepalives_interval": "2",
                "tcp_keepalives_count": "3",
            },
        )
        return cls(pool)

    async def close(self) -> None:
        """Closes the connections once they are idle."""
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self, lanes: Sequence[LaneId]) -> AsyncIterator[PostgresTransaction]:
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                open_ = PostgresTransaction(connection, await locked(connection, lanes), self._counted_names)
                yield open_
        if len(self._counted_names) > MAX_COUNTED_GROUPS:
            self._counted_names.clear()
        self._counted_names.update(open_.new_names)

    @_translated
    async def pointers(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, Pointer]:
        async with self._pool.acquire() as connection:
            return await pointers(connection, keys)

    @_translated
    async def points(self, keys: Collection[DecisionPointKey]) -> Mapping[DecisionPointKey, Gate]:
        async with self._pool.acquire() as connection:
            return await points(connection, keys)

    @_translated
    async def policies(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, PolicyState]:
        async with self._pool.acquire() as connection:
            return await policies(connection, keys)

    @_translated
    async def held(self, lane: LaneId, offset: int) -> Sequence[QuarantineRow]:
        async with self._pool.acquire() as connection:
            return await held(connection, lane, offset)

    @_translated
    async def row(self, lane: LaneId) -> LaneRow:
        async with self._pool.acquire() as connection:
            found = await connection.fetchrow(sql.LANE, *lane)
        return rows.lane_row(found) if found else rows.new_lane(lane)

    @_translated
    async def stored(self, lane: LaneId, first: int, limit: int) -> Sequence[EventRecord]:
        async with self._pool.acquire() as connection:
            topic = event_topic_of(lane.topic)
            found = await connection.fetch(sql.STORED, topic, lane.partition, first, limit)
        return [decode_entry(row["record"])[0] for row in found]

    @_translated
    async def recorded_inputs(self, tenant: str, policy_id: str, limit: int) -> Sequence[bytes]:
        """The newest inputs that a policy decided on, as far as they were kept whole."""
        async with self._pool.acquire() as connection:
            found = await connection.fetch(sql.RECORDED, tenant, policy_id, limit)
        bodies = [decode(EVALUATED, decode_entry(row["record"])[0].value) for row in found]
        return [
            cast(bytes, body["input"])
            for body in bodies
            if body["input_storage"] == "full" and not body["masked"]
        ]

    @_translated
    async def announce(self, lane: LaneId, attempt_to: int) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute(sql.ANNOUNCE, lane.topic, lane.partition, attempt_to)

    @_translated
    async def attempts(self, position: Position) -> int:
        lane, offset = position
        async with self._pool.acquire() as connection:
            count = await connection.fetchval(sql.ATTEMPT, lane.topic, lane.partition, offset)
        return int(count)

    @_translated
    async def take_back_attempt(self, position: Position) -> None:
        lane, offset = position
        async with self._pool.acquire() as connection:
            await connection.execute(sql.TAKE_BACK_ATTEMPT, lane.topic, lane.partition, offset)

    @_translated
    async def acknowledge(self, published: Mapping[LaneId, int]) -> None:
        lanes = sorted(published)
        async with self._pool.acquire() as connection:
            await connection.execute(
                sql.ACKNOWLEDGE,
                [lane.topic for lane in lanes],
                [lane.partition for lane in lanes],
                [published[lane] for lane in lanes],
            )
