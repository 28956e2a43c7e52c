"""Evidence, its links and its counters as rows of the primary database, and back: a statement a table."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from projections.apply.evidence import ControlLink, CounterKey, EvidenceKey, EvidenceState

EVIDENCE: Final = """
SELECT e.* FROM evidence e
JOIN unnest($1::text[], $2::text[]) AS k(tenant_id, evidence_id) USING (tenant_id, evidence_id)
"""

CONTROLS: Final = """
SELECT c.tenant_id, c.evidence_id, c.regulation, c.control_id FROM evidence_control c
JOIN unnest($1::text[], $2::text[]) AS k(tenant_id, evidence_id) USING (tenant_id, evidence_id)
"""

TECHNICAL_CONTROLS: Final = """
SELECT t.tenant_id, t.evidence_id, t.technical_control FROM evidence_technical_control t
JOIN unnest($1::text[], $2::text[]) AS k(tenant_id, evidence_id) USING (tenant_id, evidence_id)
"""

UPSERT: Final = """
INSERT INTO evidence (tenant_id, evidence_id, title, kind, evidence_type, description, source, state, reason,
                      sha256, size, media_type, object_key, version_id, locked_until, collected_at,
                      effective_from, effective_to, valid_until, submitted_by, submitted_at, verified_at,
                      version, last_event, topic, partition, lane_seq)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::text[], $11::bigint[], $12::text[], $13::text[],
                     $14::text[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[],
                     $18::timestamptz[], $19::timestamptz[], $20::text[], $21::timestamptz[],
                     $22::timestamptz[], $23::integer[], $24::text[], $25::text[], $26::integer[],
                     $27::bigint[])
ON CONFLICT (tenant_id, evidence_id) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, locked_until = excluded.locked_until,
    verified_at = excluded.verified_at, version = excluded.version, last_event = excluded.last_event,
    lane_seq = excluded.lane_seq
"""

LINK: Final = """
INSERT INTO evidence_control (tenant_id, evidence_id, regulation, control_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
"""

LINK_TECHNICAL: Final = """
INSERT INTO evidence_technical_control (tenant_id, evidence_id, technical_control)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
"""

COUNT: Final = """
INSERT INTO counter AS c (tenant_id, name, topic, partition, value)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::bigint[])
ON CONFLICT (tenant_id, name, topic, partition) DO UPDATE SET value = c.value + excluded.value
"""

Columns = list[list[object]]


def evidence_columns(evidence: Sequence[EvidenceState]) -> Columns:
    """Rows of ``evidence`` as columns."""
    return _columns([_values(each) for each in evidence])


def link_columns(links: Sequence[tuple[EvidenceKey, ControlLink]]) -> Columns:
    """Rows of ``evidence_control`` as columns, in key order."""
    return _columns([(*key, *link) for key, link in sorted(links)])


def technical_link_columns(links: Sequence[tuple[EvidenceKey, str]]) -> Columns:
    """Rows of ``evidence_technical_control`` as columns, in key order."""
    return _columns([(*key, technical_control) for key, technical_control in sorted(links)])


def counter_columns(counters: Mapping[CounterKey, int]) -> Columns:
    """Moves of counters as columns, in key order."""
    return _columns([(*key, by) for key, by in sorted(counters.items())])


def evidence_states(
    evidence: Sequence[asyncpg.Record],
    controls: Sequence[asyncpg.Record],
    technical_controls: Sequence[asyncpg.Record],
) -> dict[EvidenceKey, EvidenceState]:
    """Evidence with its links in ascending order."""
    linked: dict[EvidenceKey, list[tuple[str, str]]] = defaultdict(list)
    for row in controls:
        linked[row["tenant_id"], row["evidence_id"]].append((row["regulation"], row["control_id"]))
    technical: dict[EvidenceKey, list[str]] = defaultdict(list)
    for row in technical_controls:
        technical[row["tenant_id"], row["evidence_id"]].append(row["technical_control"])
    states: dict[EvidenceKey, EvidenceState] = {}
    for row in evidence:
        key = row["tenant_id"], row["evidence_id"]
        links = tuple(sorted(linked[key])), tuple(sorted(technical[key]))
        states[key] = EvidenceState(**dict(row), controls=links[0], technical_controls=links[1])
    return states


def _values(state: EvidenceState) -> tuple[object, ...]:
    return (
        state.tenant_id,
        state.evidence_id,
        state.title,
        state.kind,
        state.evidence_type,
        state.description,
        state.source,
        state.state,
        state.reason,
        state.sha256,
        state.size,
        state.media_type,
        state.object_key,
        state.version_id,
        state.locked_until,
        state.collected_at,
        state.effective_from,
        state.effective_to,
        state.valid_until,
        state.submitted_by,
        state.submitted_at,
        state.verified_at,
        state.version,
        state.last_event,
        state.topic,
        state.partition,
        state.lane_seq,
    )


def _columns(rows: Sequence[Sequence[object]]) -> Columns:
    return [list(column) for column in zip(*rows, strict=True)]
