"""Two tenants with many rows each, made inside the server; times are a second apart."""

from typing import Final

import asyncpg

from projections.apply.decision_stats import FIGURES
from tests.api.conftest import Dsns

ROWS: Final = 20_000
"""Evidence and decisions of each tenant; enough that reading all of them is never the planner's choice."""

FEW: Final = 2_000
"""Workflows and policies of each tenant."""

COUNTERS: Final = 7 * 3 * 8
"""Counters of each tenant: each regulation and all, three states, eight lanes."""

COUNTED: Final = 100
"""Policies of each tenant whose decisions are counted, in each of ``ROWS / COUNTED`` hours."""

_AT: Final = "'2026-01-01'::timestamptz + n * interval '1 second'"
_ID: Final = "$1::text || '-' || lpad(n::text, 6, '0')"
_FROM: Final = "FROM generate_series(1, {rows}) n"

_POLICY: Final = f"$1::text || '-' || lpad((n % {COUNTED})::text, 6, '0')"
_HOUR: Final = f"'2026-01-01'::timestamptz + n / {COUNTED} * interval '1 hour'"

FILL: Final = {
    "policy": f"""
        SELECT $1::text, {_ID}, 'p' || n, 'opa_rego', CASE WHEN n % 50 = 0 THEN 'retired' ELSE 'active' END,
               1, 1, 1, 'e', {_AT}, {_AT}, 'e', 't', n % 8, n {_FROM.format(rows=FEW)}""",
    "policy_version": f"""
        SELECT $1::text, {_ID}, v, 'superseded', '', 'p', '', '', '{{}}'::text[], '', 'mandatory', 'closed',
               NULL, '[]'::jsonb, 'ann', {_AT}, NULL, 0, NULL
        {_FROM.format(rows=FEW)}, generate_series(1, 10) v""",
    "decision": f"""
        SELECT $1::text, {_ID}, $1::text || '-' || lpad((n % {FEW})::text, 6, '0'), 1, 'model/' || n % 500,
               'svc-' || n % 100, CASE WHEN n % 100 = 0 THEN 'deny' ELSE 'allow' END, 'policy', {_AT}, 't',
               n % 8, n, '', CASE WHEN n % 100 = 7 THEN 'point-' || n % 7 ELSE '' END
        {_FROM.format(rows=ROWS)}""",
    "decision_stat": f"""
        SELECT $1::text, {_POLICY}, 'hour', {_HOUR}, 1, 't', 0, 'gate', {", ".join("1" * len(FIGURES))}
        {_FROM.format(rows=ROWS)}""",
    "decision_reason": f"""
        SELECT $1::text, {_POLICY}, 'hour', {_HOUR}, 1, 't', 0, 'gate', 'violation', 'r', 1
        {_FROM.format(rows=ROWS)}""",
    "policy_activation": f"""
        SELECT $1::text, {_ID}, 'e' || n, 1, NULL, {_AT}, 't', 0, n {_FROM.format(rows=FEW)}""",
    "decision_part": f"""
        SELECT $1::text, {_ID}, 0, {_POLICY}, 1, 'model/' || n % 500, 'allow', 'allow', 'policy', {_AT}
        {_FROM.format(rows=ROWS)}""",
    "decision_override": f"""
        SELECT $1::text, {_ID}, {_AT}, 'r', 'ben', {_AT}, 'e', 't', n % 8, n {_FROM.format(rows=FEW)}""",
    "decision_point": f"""
        SELECT $1::text, {_ID}, 'p' || n, ARRAY['p'], ARRAY['p'], 'all_must_allow', 1, 'ann', {_AT}, {_AT},
               'e', 't', n % 8, n {_FROM.format(rows=FEW)}""",
    "workflow": f"""
        SELECT $1::text, {_ID}, 'w' || n, CASE WHEN n % 20 = 0 THEN 'soc2' ELSE 'iso42001' END, 'e', 'v', 'l',
               '', '', 'ann', '{{}}'::jsonb, '2026-01-01', '2027-01-01', false, 'draft', 'draft', 70, 0, 0, 0,
               0, 'ann', {_AT}, {_AT}, 1, 'e', 't', n % 8, n {_FROM.format(rows=FEW)}""",
    "workflow_control": f"""
        SELECT $1::text, {_ID}, 'A.' || c, c, 'undecided', '', NULL, NULL, NULL, NULL, 'not_assessed'
        {_FROM.format(rows=FEW)}, generate_series(1, 20) c""",
    "timer": f"""
        SELECT $1::text, 'workflow/' || {_ID}, 'period_end', 1, {_AT}, 'armed' {_FROM.format(rows=FEW)}""",
    "evidence": f"""
        SELECT $1::text, {_ID}, 't', CASE WHEN n % 100 = 0 THEN 'manual' ELSE 'automated' END, 'document', '',
               '', CASE WHEN n % 1000 = 1 THEN 'quarantined' ELSE 'verified' END, '', 'aa', 1, 'text/plain',
               'k', 'v', NULL, {_AT}, {_AT}, NULL, NULL, 'svc-' || n % 100, {_AT}, NULL, 1, 'e', 't', n % 8, n
        {_FROM.format(rows=ROWS)}""",
    "evidence_control": f"""
        SELECT $1::text, {_ID}, CASE WHEN n % 4000 = 9 THEN 'hipaa' ELSE 'iso42001' END, 'A.' || n % 38
        {_FROM.format(rows=ROWS)}""",
    "evidence_technical_control": f"""
        SELECT $1::text, {_ID}, 'TC-0' || 10 + n % 20 {_FROM.format(rows=ROWS)}""",
    "counter": """
        SELECT $1::text, 'evidence/' || r || s, 'governance.evidence.events.v1', p, 1
        FROM unnest(ARRAY['', 'soc2/', 'iso27001/', 'hipaa/', 'iso42001/', 'eu_ai_act/', 'fedramp/']) r,
             unnest(ARRAY['collected', 'verified', 'quarantined']) s, generate_series(0, 7) p""",
}
"""Rows of a tenant by table, in the order of their foreign keys."""


async def fill(dsns: Dsns, *tenants: str) -> None:
    """Fills every table and lets the planner know."""
    connection = await asyncpg.connect(dsns.superuser)
    try:
        for tenant in tenants:
            for table, rows in FILL.items():
                await connection.execute(f"INSERT INTO governance.{table} {rows}", tenant)
        await connection.execute(f"ANALYZE {', '.join(f'governance.{table}' for table in FILL)}")
    finally:
        await connection.close()


async def empty(dsns: Dsns, *tenants: str) -> None:
    """Takes the rows away again."""
    connection = await asyncpg.connect(dsns.superuser)
    try:
        await connection.execute("SET session_replication_role = replica")  # without foreign key checks
        for table in reversed(FILL):
            await connection.execute(
                f"DELETE FROM governance.{table} WHERE tenant_id = ANY($1)", list(tenants)
            )
    finally:
        await connection.close()
