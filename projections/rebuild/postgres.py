"""What is counted of decisions, and policies' shadows and replays, compared with the event table or made
anew from it.

A lane's rows follow from its events alone, so each lane is a transaction of its own: its worker waits while
the rows are exchanged, not while the events are read. Use a login that sees every tenant (gov_agents).
"""

import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, TypeAlias

import asyncpg
import orjson

from projections.apply.decision_stats import (
    FIGURES,
    Activation,
    DecisionStats,
    Group,
    compared,
)
from projections.apply.happened import Happened, happened
from projections.apply.replay import Replay
from projections.apply.shadow import SHADOW_FIGURES, Shadow, ShadowDay
from projections.apply.trials import Trials
from projections.apply.trials import compared as trials_compared
from schemas.leaf import decode_entry
from schemas.topics import event_topic_of, family_of

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

Lane = tuple[str, int]
"""Command topic and partition."""

Advanced = Callable[[int], None]
"""Told how many more events were read."""

PIECE: Final = 1_000
"""Events read at once."""

SHORT: Final = 2_000
"""Events that may be read while the lane's worker waits: a fifth of a second."""

MAX_PROBLEMS: Final = 20
"""Differences kept a lane; the rest are counted."""

STAT_COLUMNS: Final = (*Group._fields, "decision_point", *FIGURES)
REASON_COLUMNS: Final = (*Group._fields, "decision_point", "kind", "reason", "value")
ACTIVATION_COLUMNS: Final = tuple(Activation.__slots__)
SHADOW_COLUMNS: Final = (*ShadowDay._fields, *SHADOW_FIGURES)

_TABLES: Final = {
    "decision_stat": STAT_COLUMNS,
    "decision_reason": REASON_COLUMNS,
    "policy_activation": ACTIVATION_COLUMNS,
    "policy_shadow_count": SHADOW_COLUMNS,
}


_SHADOW: Final = ("shadow_version", "shadow_by", "shadow_since", "shadow_revision")
"""Columns of ``policy``, in the order of :class:`projections.apply.shadow.Shadow`."""

_REPLAY: Final = tuple(Replay.__slots__)


@dataclass(slots=True)
class LaneRows:
    """What follows from a lane's events."""

    stats: DecisionStats = field(default_factory=DecisionStats)
    trials: Trials = field(default_factory=Trials)

    def add(self, events: Sequence[Happened]) -> None:
        """Takes further events."""
        self.stats.add(events)
        self.trials.add(events)


@dataclass(slots=True)
class LaneReport:
    """One lane: how much was compared, and what was not as the events say."""

    lane: Lane
    events: int
    """Its head: how many events the rows follow from."""
    compared: int = 0
    wrong: int = 0
    problems: list[str] = field(default_factory=list)


async def lanes_to_read(dsn: str) -> dict[Lane, int]:
    """Every lane whose events are counted, with the number of its events."""
    async with _connected(dsn) as connection:
        rows = await connection.fetch("SELECT topic, partition, next_seq FROM lane ORDER BY topic, partition")
    counted = [row for row in rows if family_of(row["topic"]) in {"evaluation", "policy"}]
    return {(row["topic"], row["partition"]): row["next_seq"] - 1 for row in counted}


async def check(dsn: str, lane: Lane, advanced: Advanced) -> LaneReport:
    """Compares a lane's rows with its events, both as of one moment; writes nothing."""
    async with (
        _connected(dsn) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        replayed = LaneRows()
        head = await _head(connection, lane)
        await _fold(connection, lane, 0, head, replayed, advanced)
        return _report(lane, head, await _stored(connection, lane), replayed)


async def rebuild(dsn: str, lane: Lane, advanced: Advanced) -> LaneReport:
    """Puts what the lane's events say in the place of its rows; the report is on the rows before."""
    async with _connected(dsn) as connection:
        replayed, read = LaneRows(), 0
        while (head := await _head(connection, lane)) - read > SHORT:
            await _fold(connection, lane, read, head, replayed, advanced)
            read = head
        async with connection.transaction():
            head = await _head(connection, lane, "FOR UPDATE")
            await _fold(connection, lane, read, head, replayed, advanced)
            report = _report(lane, head, await _stored(connection, lane), replayed)
            if report.wrong:
                await _replace_stats(connection, lane, replayed.stats)
                await _replace_trials(connection, lane, replayed.trials)
    return report


async def read_stats(connection: Connection, lane: Lane | None = None) -> DecisionStats:
    """The stored rows, of one lane or of all."""
    where, arguments = "", tuple[object, ...]()
    if lane is not None:
        where, arguments = " WHERE topic = $1 AND partition = $2", (event_topic_of(lane[0]), lane[1])
    stats, found = DecisionStats(), dict[str, list[asyncpg.Record]]()
    for table, columns in _TABLES.items():
        query = f"SELECT {', '.join(columns)} FROM {table}{where}"  # noqa: S608 - our own names
        found[table] = await connection.fetch(query, *arguments)
    for row in found["decision_stat"]:
        stats.figures[Group(*row[:7]), row[7]] = list(row[8:])
    for row in found["decision_reason"]:
        stats.reasons[Group(*row[:7]), row[7], row[8], row[9]] = row[10]
    stats.activations.extend(Activation(*row) for row in found["policy_activation"])
    for row in found["policy_shadow_count"]:
        stats.shadows[ShadowDay(*row[:6])] = list(row[6:])
    return stats


async def read_trials(connection: Connection, lane: Lane | None = None) -> Trials:
    """The stored rows, of one lane or of all. Replays come with jsonb as text, or as the codec reads it."""
    where, arguments = "", tuple[object, ...]()
    if lane is not None:
        where, arguments = " WHERE p.topic = $1 AND p.partition = $2", (event_topic_of(lane[0]), lane[1])
    trials = Trials()
    shadows = f"SELECT tenant_id, policy_id, {', '.join(_SHADOW)} FROM policy p{where}"  # noqa: S608 - our own names
    for tenant, policy, version, *shadow in await connection.fetch(shadows, *arguments):
        if version is not None:
            trials.shadows[tenant, policy] = Shadow(version, *shadow)
    replays = f"""
        SELECT r.tenant_id, r.policy_id, r.version, {", ".join(f"r.{name}" for name in _REPLAY)}
        FROM policy_replay r JOIN policy p USING (tenant_id, policy_id){where}"""  # noqa: S608 - our own names
    for tenant, policy, version, *fields in await connection.fetch(replays, *arguments):
        replay = Replay(*fields)
        if isinstance(replay.report, str):
            replay = dataclasses.replace(replay, report=orjson.loads(replay.report))
        trials.replays[tenant, policy, replay.replay_id] = version, replay
    return trials


async def _stored(connection: Connection, lane: Lane) -> LaneRows:
    return LaneRows(await read_stats(connection, lane), await read_trials(connection, lane))


async def _replace_trials(connection: Connection, lane: Lane, trials: Trials) -> None:
    where = event_topic_of(lane[0]), lane[1]
    assigned = ", ".join(f"{name} = ${place}" for place, name in enumerate(_SHADOW, 3))
    await connection.execute(
        f"UPDATE policy SET {', '.join(f'{name} = NULL' for name in _SHADOW)}"  # noqa: S608 - our own names
        " WHERE topic = $1 AND partition = $2 AND shadow_version IS NOT NULL",
        *where,
    )
    await connection.executemany(
        f"UPDATE policy SET {assigned} WHERE tenant_id = $1 AND policy_id = $2",  # noqa: S608 - our own names
        [(*key, *dataclasses.astuple(shadow)) for key, shadow in trials.shadows.items()],
    )
    await connection.execute(
        "DELETE FROM policy_replay r USING policy p"
        " WHERE (p.tenant_id, p.policy_id) = (r.tenant_id, r.policy_id)"
        " AND p.topic = $1 AND p.partition = $2",
        *where,
    )
    records = []
    for (tenant, policy, _), (version, replay) in trials.replays.items():
        fields = [getattr(replay, name) for name in _REPLAY]
        fields[_REPLAY.index("report")] = replay.report and orjson.dumps(replay.report).decode()
        records.append((tenant, policy, version, *fields))
    columns = ("tenant_id", "policy_id", "version", *_REPLAY)
    await connection.copy_records_to_table("policy_replay", columns=columns, records=records)


async def _replace_stats(connection: Connection, lane: Lane, stats: DecisionStats) -> None:
    rows: dict[str, list[Sequence[object]]] = {
        "decision_stat": [(*group, point, *values) for (group, point), values in stats.figures.items()],
        "decision_reason": [(*group, *what, value) for (group, *what), value in stats.reasons.items()],
        "policy_activation": [
            tuple(getattr(activation, name) for name in ACTIVATION_COLUMNS)
            for activation in stats.activations
        ],
        "policy_shadow_count": [(*day, *values) for day, values in stats.shadows.items()],
    }
    for table, columns in _TABLES.items():
        delete = f"DELETE FROM {table} WHERE topic = $1 AND partition = $2"  # noqa: S608 - our own names
        await connection.execute(delete, event_topic_of(lane[0]), lane[1])
        await connection.copy_records_to_table(table, columns=columns, records=rows[table])


async def _head(connection: Connection, lane: Lane, lock: str = "") -> int:
    query = f"SELECT next_seq - 1 FROM lane WHERE topic = $1 AND partition = $2 {lock}"  # noqa: S608
    return int(await connection.fetchval(query, *lane))


async def _fold(
    connection: Connection, lane: Lane, after: int, head: int, rows: LaneRows, advanced: Advanced
) -> None:
    """Takes the events ``after+1..head``."""
    query = """
        SELECT record FROM event WHERE topic = $1 AND partition = $2 AND lane_seq > $3 AND lane_seq <= $4
        ORDER BY lane_seq
    """
    for first in range(after, head, PIECE):
        last = min(first + PIECE, head)
        found = await connection.fetch(query, event_topic_of(lane[0]), lane[1], first, last)
        rows.add([happened(decode_entry(row["record"])[0]) for row in found])
        advanced(len(found))


def _report(lane: Lane, head: int, stored: LaneRows, replayed: LaneRows) -> LaneReport:
    report = LaneReport(lane, head)
    trials = trials_compared(stored.trials, replayed.trials)
    for same, problem in chain(compared(stored.stats, replayed.stats), trials):
        report.compared += 1
        report.wrong += not same
        if not same and len(report.problems) < MAX_PROBLEMS:
            report.problems.append(problem)
    return report


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "governance"})
    try:
        yield connection
    finally:
        await connection.close()
