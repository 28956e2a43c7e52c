"""Evidence and what it supports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from projections.api.evidence_models import EvidenceKind, EvidenceState
from projections.api.freshness import Head
from projections.api.pages import Found, Place
from projections.api.queries.conditions import Conditions
from projections.api.session import Row, Session

_EVIDENCE: Final = """
SELECT e.evidence_id, e.title, e.kind, e.evidence_type, e.description, e.source, e.state, e.reason, e.sha256,
       e.size, e.media_type, e.object_key, e.version_id, e.locked_until, e.collected_at, e.effective_from,
       e.effective_to, e.valid_until, coalesce(e.valid_until <= now(), false) AS expired, e.submitted_by,
       e.submitted_at, e.verified_at, e.version, e.last_event, e.topic, e.partition, e.lane_seq
FROM governance.evidence e"""

_NEWEST_FIRST: Final = " ORDER BY e.submitted_at DESC, e.evidence_id DESC LIMIT "

_CONTROLS: Final = """
SELECT regulation, control_id FROM governance.evidence_control
WHERE evidence_id = $1
ORDER BY regulation, control_id"""

_TECHNICAL: Final = """
SELECT technical_control FROM governance.evidence_technical_control
WHERE evidence_id = $1
ORDER BY technical_control"""


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One piece of evidence."""

    evidence_id: str
    title: str
    kind: EvidenceKind
    evidence_type: str
    description: str
    source: str
    state: EvidenceState
    reason: str
    sha256: str
    size: int
    media_type: str
    object_key: str
    version_id: str
    locked_until: datetime | None
    collected_at: datetime
    effective_from: datetime
    effective_to: datetime | None
    valid_until: datetime | None
    expired: bool
    submitted_by: str
    submitted_at: datetime
    verified_at: datetime | None
    version: int
    head: Head


@dataclass(frozen=True, slots=True)
class Links:
    """What a piece of evidence supports: (regulation, control) and technical controls, sorted."""

    controls: Sequence[tuple[str, str]]
    technical_controls: Sequence[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of evidence is narrowed to; None does not narrow.

    ``control`` is looked for in ``regulations``; without a control any link to one of them is enough.
    """

    state: EvidenceState | None = None
    kind: EvidenceKind | None = None
    regulations: Sequence[str] | None = None
    control: str | None = None
    technical_control: str | None = None
    actor: str | None = None
    not_before: datetime | None = None
    before: datetime | None = None


_CLAUSES: Final[Mapping[str, str]] = {
    "state": "e.state = ?",
    "kind": "e.kind = ?",
    "technical_control": """EXISTS (
        SELECT 1 FROM governance.evidence_technical_control t
        WHERE t.tenant_id = e.tenant_id AND t.evidence_id = e.evidence_id AND t.technical_control = ?)""",
    "actor": "e.submitted_by = ?",
    "not_before": "e.submitted_at >= ?",
    "before": "e.submitted_at < ?",
}
_LINKED: Final = """EXISTS (
        SELECT 1 FROM governance.evidence_control c
        WHERE c.tenant_id = e.tenant_id AND c.evidence_id = e.evidence_id AND c.regulation = ANY(?)"""


async def evidence_list(
    session: Session, wanted: Wanted, after: Place | None, limit: int
) -> Found[EvidenceRow]:
    """A page of evidence, newest first."""
    conditions = Conditions()
    for name, clause in _CLAUSES.items():
        value = getattr(wanted, name)
        if value is not None:
            conditions.require(clause, value)
    if wanted.regulations is not None and wanted.control is not None:
        conditions.require(_LINKED + " AND c.control_id = ?)", list(wanted.regulations), wanted.control)
    elif wanted.regulations is not None:
        conditions.require(_LINKED + ")", list(wanted.regulations))
    if after is not None:
        conditions.require("(e.submitted_at, e.evidence_id) < (?, ?)", after.at, after.id)
    where = conditions.where()
    statement = _EVIDENCE + where + _NEWEST_FIRST + conditions.parameter(limit + 1)
    rows = [_evidence(row) for row in await session.rows(statement, *conditions.arguments)]
    rest = Place(rows[limit - 1].submitted_at, rows[limit - 1].evidence_id) if len(rows) > limit else None
    return Found(rows[:limit], rest)


async def evidence(session: Session, evidence_id: str) -> tuple[EvidenceRow, Links] | None:
    """One piece of evidence with its links, at most 200 of a submission and what was linked later."""
    row = await session.row(_EVIDENCE + " WHERE e.evidence_id = $1", evidence_id)
    if row is None:
        return None
    controls = await session.rows(_CONTROLS, evidence_id)
    technical = await session.rows(_TECHNICAL, evidence_id)
    return _evidence(row), Links(
        [(each["regulation"], each["control_id"]) for each in controls],
        [each["technical_control"] for each in technical],
    )


def _evidence(row: Row) -> EvidenceRow:
    return EvidenceRow(
        evidence_id=row["evidence_id"],
        title=row["title"],
        kind=row["kind"],
        evidence_type=row["evidence_type"],
        description=row["description"],
        source=row["source"],
        state=row["state"],
        reason=row["reason"],
        sha256=row["sha256"],
        size=row["size"],
        media_type=row["media_type"],
        object_key=row["object_key"],
        version_id=row["version_id"],
        locked_until=row["locked_until"],
        collected_at=row["collected_at"],
        effective_from=row["effective_from"],
        effective_to=row["effective_to"],
        valid_until=row["valid_until"],
        expired=row["expired"],
        submitted_by=row["submitted_by"],
        submitted_at=row["submitted_at"],
        verified_at=row["verified_at"],
        version=row["version"],
        head=Head(row["last_event"], row["topic"], row["partition"], row["lane_seq"]),
    )
