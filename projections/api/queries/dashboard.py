"""Sums for the dashboard: over the tenant's workflows, and over counters that move with evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from projections.api.session import Session
from projections.apply.workflow_state import Phase
from schemas.topics import event_topic_of

PREFIX: Final = "evidence/"

_WORKFLOWS: Final = """
SELECT regulation, phase, count(*) AS workflows, count(*) FILTER (WHERE period_ended) AS ended,
       sum(controls_total) AS controls_total, sum(applicable) AS applicable, sum(assessed) AS assessed,
       sum(satisfied) AS satisfied
FROM governance.workflow
GROUP BY regulation, phase"""

_COUNTERS: Final = """
SELECT name, sum(value)::bigint AS value
FROM governance.counter
WHERE name >= $1 AND name < $2
GROUP BY name"""

_LANES: Final = """
SELECT topic, partition, next_seq - 1 AS sequence
FROM governance.lane
WHERE topic = ANY($1)
ORDER BY topic, partition"""


@dataclass(frozen=True, slots=True)
class PhaseSum:
    """The workflows of one regulation in one phase."""

    regulation: str
    phase: Phase
    workflows: int
    ended: int
    controls_total: int
    applicable: int
    assessed: int
    satisfied: int


@dataclass(frozen=True, slots=True)
class Position:
    """The last event of a lane in this snapshot."""

    topic: str
    partition: int
    sequence: int


async def phase_sums(session: Session) -> list[PhaseSum]:
    """One row per regulation and phase that has workflows."""
    return [
        PhaseSum(
            regulation=row["regulation"],
            phase=row["phase"],
            workflows=row["workflows"],
            ended=row["ended"],
            controls_total=row["controls_total"],
            applicable=row["applicable"],
            assessed=row["assessed"],
            satisfied=row["satisfied"],
        )
        for row in await session.rows(_WORKFLOWS)
    ]


async def evidence_counts(session: Session) -> dict[str, int]:
    """Evidence by ``<state>`` and ``<regulation>/<state>``; a few rows per lane, however much there is."""
    after_prefix = PREFIX[:-1] + chr(ord(PREFIX[-1]) + 1)
    rows = await session.rows(_COUNTERS, PREFIX, after_prefix)
    return {row["name"].removeprefix(PREFIX): row["value"] for row in rows}


async def positions(session: Session, command_topics: Sequence[str]) -> list[Position]:
    """How far the lanes of these command topics are decided."""
    return [
        Position(event_topic_of(row["topic"]), row["partition"], row["sequence"])
        for row in await session.rows(_LANES, list(command_topics))
    ]
