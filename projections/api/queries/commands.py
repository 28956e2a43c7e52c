"""What became of a command: its inbox row, or its quarantine row where it has none."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from projections.api.models import CommandState
from projections.api.session import Row, Session

MAX_SOURCES: Final = 20
"""Sources that one ambiguous id is looked up in; more are not listed."""

_INBOX: Final = """
SELECT source, state, first_event, topic, partition, record_offset, received_at
FROM governance.inbox
WHERE command_id = $1 AND ($2::text IS NULL OR source = $2)
ORDER BY source
LIMIT $3"""

_QUARANTINE: Final = """
SELECT DISTINCT ON (source)
       source, state, reason, detail, topic, partition, record_offset, recorded_at AS received_at
FROM governance.quarantine
WHERE command_id = $1 AND ($2::text IS NULL OR source = $2) AND source IS NOT NULL
  AND state IN ('quarantined', 'parked', 'discarded')
ORDER BY source, recorded_at, record_offset
LIMIT $3"""


@dataclass(frozen=True, slots=True)
class CommandRow:
    """The first outcome of one command."""

    source: str
    state: CommandState
    first_event: str | None
    reason: str | None
    detail: str | None
    topic: str
    partition: int
    offset: int
    received_at: datetime


async def commands(session: Session, command_id: str, source: str | None) -> list[CommandRow]:
    """One row per source that used the id. An inbox row wins: it is what became of a quarantined one."""
    quarantined = await session.rows(_QUARANTINE, command_id, source, MAX_SOURCES)
    decided = await session.rows(_INBOX, command_id, source, MAX_SOURCES)
    found = {row["source"]: _quarantined(row) for row in quarantined}
    found |= {row["source"]: _decided(row) for row in decided}
    return [found[name] for name in sorted(found)]


def _decided(row: Row) -> CommandRow:
    return CommandRow(
        source=row["source"],
        state=row["state"],
        first_event=row["first_event"],
        reason=None,
        detail=None,
        topic=row["topic"],
        partition=row["partition"],
        offset=row["record_offset"],
        received_at=row["received_at"],
    )


def _quarantined(row: Row) -> CommandRow:
    return CommandRow(
        source=row["source"],
        state=row["state"],
        first_event=None,
        reason=row["reason"],
        detail=row["detail"],
        topic=row["topic"],
        partition=row["partition"],
        offset=row["record_offset"],
        received_at=row["received_at"],
    )
