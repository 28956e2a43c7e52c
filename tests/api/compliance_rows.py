"""Rows of workflows, evidence and counters, written with the agents' role."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg

from regulations.loader import Library, load_library
from regulations.scope import select
from schemas.identity import message_key, object_key, partition_for, workflow_id
from schemas.topics import Family, topics

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
LIBRARY: Library = load_library()


@dataclass(frozen=True, slots=True)
class Place:
    """The last event of an aggregate, as its row names it."""

    id: str
    event_id: str
    topic: str
    partition: int
    sequence: int
    at: datetime


class Compliance:
    """Writes what the compliance and evidence agents would have written."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._clock = START
        self._sequence = 0
        self.step = timedelta(milliseconds=1)
        """Between two rows; zero gives several the same time."""

    async def workflow(
        self,
        tenant: str,
        name: str = "Annual",
        regulation: str = "iso42001",
        state: str = "draft",
        phase: str = "draft",
        owner: str = "ann",
        applicable: int = 0,
        excluded: int = 0,
        assessed: int = 0,
        satisfied: int = 0,
        period_ended: bool = False,
    ) -> Place:
        """A workflow over the regulation's default scope, its controls undecided, its timer armed."""
        found = LIBRARY.regulations[regulation]
        selection = select(found)
        identity = workflow_id(tenant, name)
        place = self._next(tenant, "compliance", identity)
        await self._insert(
            "workflow",
            tenant_id=tenant,
            workflow_id=identity,
            name=name,
            regulation=regulation,
            edition=found.edition,
            regulation_version=found.version,
            law_version=found.laws[-1].version,
            description="",
            boundary="all AI systems",
            owner=owner,
            choices=json.dumps(selection.choices),
            period_start=date(2026, 1, 1),
            period_end=date(2027, 1, 1),
            period_ended=period_ended,
            state=state,
            phase=phase,
            controls_total=len(selection.controls),
            applicable=applicable,
            excluded=excluded,
            assessed=assessed,
            satisfied=satisfied,
            created_by="ann",
            created_at=place.at,
            updated_at=place.at,
            **_head(place),
        )
        for number, control in enumerate(selection.controls):
            await self._insert(
                "workflow_control",
                tenant_id=tenant,
                workflow_id=identity,
                control_id=control.id,
                place=number,
                applicability="undecided",
                reason="",
                state="not_assessed",
            )
        await self._insert(
            "timer",
            tenant_id=tenant,
            aggregate=f"workflow/{identity}",
            name="period_end",
            generation=1,
            due_at=datetime(2027, 1, 1, tzinfo=UTC),
            state="armed",
        )
        return place

    async def decide(self, tenant: str, identity: str, control: str, **columns: object) -> None:
        """Changes columns of one control of a workflow."""
        changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, 4))
        await self._connection.execute(
            f"UPDATE governance.workflow_control SET {changes}"
            " WHERE tenant_id = $1 AND workflow_id = $2 AND control_id = $3",
            tenant,
            identity,
            control,
            *columns.values(),
        )

    async def evidence(
        self,
        tenant: str,
        title: str = "AI policy",
        kind: str = "manual",
        state: str = "collected",
        actor: str = "ann",
        controls: Sequence[tuple[str, str]] = (),
        technical_controls: Sequence[str] = (),
        reason: str = "",
        valid_until: datetime | None = None,
    ) -> Place:
        """A piece of evidence with its links and the counters that it moves."""
        identity, digest = str(uuid4()), sha256(title.encode()).hexdigest()
        place = self._next(tenant, "evidence", identity)
        await self._insert(
            "evidence",
            tenant_id=tenant,
            evidence_id=identity,
            title=title,
            kind=kind,
            evidence_type="document",
            description="",
            source="",
            state=state,
            reason=reason,
            sha256=digest,
            size=len(title),
            media_type="text/plain",
            object_key=object_key(tenant, identity, digest),
            version_id="v1",
            collected_at=place.at,
            effective_from=place.at,
            valid_until=valid_until,
            submitted_by=actor,
            submitted_at=place.at,
            **_head(place),
        )
        for regulation, control in controls:
            await self._insert(
                "evidence_control",
                tenant_id=tenant,
                evidence_id=identity,
                regulation=regulation,
                control_id=control,
            )
        for technical in technical_controls:
            await self._insert(
                "evidence_technical_control",
                tenant_id=tenant,
                evidence_id=identity,
                technical_control=technical,
            )
        for regulation in {"", *(f"{code}/" for code, _ in controls)}:
            await self.count(tenant, f"evidence/{regulation}{state}", 1, place.partition)
        return place

    async def count(self, tenant: str, name: str, by: int, partition: int = 0) -> None:
        """Moves a counter of an evidence lane."""
        await self._connection.execute(
            "INSERT INTO governance.counter AS c VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT (tenant_id, name, topic, partition) DO UPDATE SET value = c.value + excluded.value",
            tenant,
            name,
            topics().events("evidence").name,
            partition,
            by,
        )

    async def lane(self, topic: str, partition: int, next_seq: int) -> None:
        """How far a command partition is decided."""
        await self._connection.execute(
            "INSERT INTO governance.lane (topic, partition, next_seq) VALUES ($1, $2, $3)"
            " ON CONFLICT (topic, partition) DO UPDATE SET next_seq = excluded.next_seq",
            topic,
            partition,
            next_seq,
        )

    def _next(self, tenant: str, family: Family, identity: str) -> Place:
        topic = topics().events(family)
        self._clock += self.step
        self._sequence += 1
        partition = partition_for(message_key(tenant, identity), topic.partitions)
        return Place(identity, str(uuid4()), topic.name, partition, self._sequence, self._clock)

    async def _insert(self, table: str, **columns: object) -> None:
        values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        await self._connection.execute(
            f"INSERT INTO governance.{table} ({', '.join(columns)}) VALUES ({values})", *columns.values()
        )


def _head(place: Place) -> dict[str, object]:
    return {
        "version": 1,
        "last_event": place.event_id,
        "topic": place.topic,
        "partition": place.partition,
        "lane_seq": place.sequence,
    }
