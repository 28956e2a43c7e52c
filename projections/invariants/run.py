"""Reads everything and checks all six."""

from collections import Counter
from dataclasses import dataclass

from projections.invariants.deliveries import commands_have_one_outcome, events_are_published_in_order
from projections.invariants.evidence import Evidence, SeenPolicy
from projections.invariants.http import read_policies, read_wall
from projections.invariants.kafka import read_topics
from projections.invariants.postgres import read_database
from projections.invariants.replay import (
    projections_equal_a_replay,
    readers_see_prefixes_only,
    versions_have_no_hole,
)
from projections.invariants.report import Report
from projections.invariants.wall import wall_holds_every_event
from projections.tokens import mint

SCOPES = ("governance:read", "audit:read", "audit:all")

TOKEN_S = 600
"""Lifetime of the checker's own tokens, in seconds: longer than any check takes."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to read from."""

    kafka: str
    database: str
    """DSN of a login that sees every tenant (gov_agents)."""
    sink_url: str
    api_url: str
    """Empty: the read API is not asked."""
    token_key: str
    """Local signing key, to mint the checker's tokens."""


async def check(sources: Sources, seen: list[SeenPolicy] | None = None) -> Report:
    """The report on a system that has come to rest.

    ``seen`` is what readers were shown while it was running. Raises the reader's own error (httpx,
    asyncpg, aiokafka) where a source cannot be read.
    """
    evidence = Evidence(seen=list(seen or []))
    await read_database(sources.database, evidence)
    await read_topics(sources.kafka, evidence)
    await read_wall(sources.sink_url, _token(sources, "aumos"), evidence)
    if sources.api_url:
        tenants = sorted({tenant for tenant, _ in evidence.policies})
        tokens = [(tenant, _token(sources, tenant)) for tenant in tenants]
        await read_policies(sources.api_url, tokens, evidence)
    return judge(evidence)


def judge(evidence: Evidence) -> Report:
    """The six invariants on what was read. Pure."""
    invariants = [
        commands_have_one_outcome(evidence),
        events_are_published_in_order(evidence),
        versions_have_no_hole(evidence),
        wall_holds_every_event(evidence),
        projections_equal_a_replay(evidence),
        readers_see_prefixes_only(evidence),
    ]
    states = Counter(evidence.quarantine.values())
    counts = {
        "commands": len(evidence.commands),
        "inbox": len(evidence.inbox),
        "quarantined": states["quarantined"],
        "parked": states["parked"],
        "events": sum(len(rows) for rows in evidence.events.values()),
        "published": sum(len(records) for records in evidence.published.values()),
        "decisions": len(evidence.decisions),
        "policies": len(evidence.policies),
        "workflows": len(evidence.workflows),
        "evidence": len(evidence.submitted),
        "wall_entries": len(evidence.wall),
    }
    return Report(invariants, counts)


def _token(sources: Sources, tenant: str) -> str:
    return mint(sources.token_key, tenant, "invariants", SCOPES, TOKEN_S)
