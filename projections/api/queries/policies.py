"""Policies and their versions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import orjson

from projections.api.freshness import Head
from projections.api.models import PolicyState, VersionState
from projections.api.pages import MAX_VERSIONS, Found, Place
from projections.api.queries.conditions import Conditions
from projections.api.session import Row, Session

_POLICY: Final = """
SELECT policy_id, name, policy_type, state, newest_version, active_version, version, activation_event,
       created_at, updated_at, last_event, topic, partition, lane_seq
FROM governance.policy"""

_NEWEST_FIRST: Final = " ORDER BY created_at DESC, policy_id DESC LIMIT "

_VERSION: Final = """
SELECT version,
       CASE WHEN EXISTS (
           SELECT FROM governance.policy_replay r
           WHERE r.policy_id = v.policy_id AND r.version = v.version AND r.outcome = 'running'
       ) THEN 'replaying'
       WHEN v.state IN ('validated', 'superseded') AND v.version = (
           SELECT p.shadow_version FROM governance.policy p WHERE p.policy_id = $1
       ) THEN 'shadow' ELSE state END AS state,
       package, rego_content, module_digest, regulation_refs, description, enforcement,
       fail_mode, timeout_ms, warnings, author, created_at, activating_since, superseded_at,
       personal_fields, input_storage, files, checked
FROM governance.policy_version v"""

_VERSIONS: Final = " WHERE policy_id = $1 AND (version > $2 OR version = $3) ORDER BY version DESC"

_VERSION_PAGE: Final = """
 WHERE policy_id = $1 AND ($2::integer IS NULL OR version < $2) ORDER BY version DESC LIMIT $3"""


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One policy."""

    policy_id: str
    name: str
    policy_type: str
    state: PolicyState
    newest_version: int
    active_version: int | None
    version: int
    activation_event: str | None
    created_at: datetime
    updated_at: datetime
    head: Head


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of a policy."""

    version: int
    state: VersionState
    package: str
    rego_content: str
    module_digest: str
    regulation_refs: list[str]
    description: str
    enforcement: str
    fail_mode: str
    timeout_ms: int | None
    warnings: list[dict[str, str | int]]
    author: str
    created_at: datetime
    activating_since: datetime | None
    superseded_at: datetime | None
    personal_fields: list[str]
    input_storage: Literal["full", "digest"]
    files: list[dict[str, str]]
    checked: dict[str, int | float | None] | None


async def policies(
    session: Session, state: PolicyState | None, policy_id: str | None, after: Place | None, limit: int
) -> Found[PolicyRow]:
    """A page of policies, newest first."""
    conditions = Conditions()
    if state is not None:
        conditions.require("state = ?", state)
    if policy_id is not None:
        conditions.require("policy_id = ?", policy_id)
    if after is not None:
        conditions.require("(created_at, policy_id) < (?, ?)", after.at, after.id)
    where = conditions.where()
    statement = _POLICY + where + _NEWEST_FIRST + conditions.parameter(limit + 1)
    rows = [_policy(row) for row in await session.rows(statement, *conditions.arguments)]
    rest = Place(rows[limit - 1].created_at, rows[limit - 1].policy_id) if len(rows) > limit else None
    return Found(rows[:limit], rest)


async def policy(session: Session, policy_id: str) -> tuple[PolicyRow, list[VersionRow]] | None:
    """One policy with its newest versions and its active one, newest first."""
    found = await policy_row(session, policy_id)
    if found is None:
        return None
    oldest = found.newest_version - MAX_VERSIONS
    rows = await session.rows(_VERSION + _VERSIONS, policy_id, oldest, found.active_version)
    return found, [_version(row) for row in rows]


async def policy_row(session: Session, policy_id: str) -> PolicyRow | None:
    """One policy without its versions."""
    row = await session.row(_POLICY + " WHERE policy_id = $1", policy_id)
    return None if row is None else _policy(row)


async def versions(session: Session, policy_id: str, below: int | None, limit: int) -> list[VersionRow]:
    """The newest versions of a policy, only those ``below`` a number where one is given."""
    rows = await session.rows(_VERSION + _VERSION_PAGE, policy_id, below, limit)
    return [_version(row) for row in rows]


def _policy(row: Row) -> PolicyRow:
    return PolicyRow(
        policy_id=row["policy_id"],
        name=row["name"],
        policy_type=row["policy_type"],
        state=row["state"],
        newest_version=row["newest_version"],
        active_version=row["active_version"],
        version=row["version"],
        activation_event=row["activation_event"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        head=Head(row["last_event"], row["topic"], row["partition"], row["lane_seq"]),
    )


def _version(row: Row) -> VersionRow:
    return VersionRow(
        version=row["version"],
        state=row["state"],
        package=row["package"],
        rego_content=row["rego_content"],
        module_digest=row["module_digest"],
        regulation_refs=row["regulation_refs"],
        description=row["description"],
        enforcement=row["enforcement"],
        fail_mode=row["fail_mode"],
        timeout_ms=row["timeout_ms"],
        warnings=orjson.loads(row["warnings"]),
        author=row["author"],
        created_at=row["created_at"],
        activating_since=row["activating_since"],
        superseded_at=row["superseded_at"],
        personal_fields=row["personal_fields"],
        input_storage=row["input_storage"],
        files=orjson.loads(row["files"]),
        checked=row["checked"] and orjson.loads(row["checked"]),
    )
