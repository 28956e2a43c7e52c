"""Policies and their versions as rows of the primary database, and back."""

from collections import defaultdict
from collections.abc import Sequence

import asyncpg

from agents.decisions.evaluation import Pointer
from projections.apply.policy import PolicyKey, PolicyState, VersionState


def pointer(row: asyncpg.Record) -> Pointer:
    """A row of the pointers query."""
    return Pointer(
        policy_id=row["policy_id"],
        state=row["state"],
        version=row["version"],
        module_digest=row["module_digest"] or "",
        enforcement=row["enforcement"] or "",
        fail_mode=row["fail_mode"] or "",
        timeout_ms=row["timeout_ms"],
        confirmed_revision=row["confirmed_revision"] or 0,
        activation_event=row["activation_event"] or "",
        personal_fields=tuple(row["personal_fields"] or ()),
        input_storage=row["input_storage"] or "full",
        suspended=bool(row["suspended"]),
    )


def policy_values(policy: PolicyState) -> tuple[object, ...]:
    """Values of one row of ``policy``."""
    return (
        policy.tenant_id,
        policy.policy_id,
        policy.name,
        policy.policy_type,
        policy.state,
        policy.newest.version,
        policy.active_version,
        policy.version,
        policy.activation_event,
        policy.created_at,
        policy.updated_at,
        policy.last_event,
        policy.topic,
        policy.partition,
        policy.lane_seq,
    )


def version_values(policy: PolicyState, version: VersionState) -> tuple[object, ...]:
    """Values of one row of ``policy_version``."""
    return (
        policy.tenant_id,
        policy.policy_id,
        version.version,
        version.state,
        version.rego_content,
        version.package,
        version.module,
        version.module_digest,
        list(version.regulation_refs),
        version.description,
        version.enforcement,
        version.fail_mode,
        version.timeout_ms,
        [dict(warning) for warning in version.warnings],
        version.author,
        version.created_at,
        version.activating_since,
        version.confirmed_revision,
        version.superseded_at,
        list(version.personal_fields),
        version.input_storage,
    )


def policy_states(
    policies: Sequence[asyncpg.Record], versions: Sequence[asyncpg.Record]
) -> dict[PolicyKey, PolicyState]:
    """Policies with their versions in ascending order."""
    by_policy: dict[PolicyKey, list[VersionState]] = defaultdict(list)
    for row in versions:
        by_policy[row["tenant_id"], row["policy_id"]].append(_version(row))
    return {
        (row["tenant_id"], row["policy_id"]): PolicyState(
            tenant_id=row["tenant_id"],
            policy_id=row["policy_id"],
            name=row["name"],
            policy_type=row["policy_type"],
            state=row["state"],
            active_version=row["active_version"],
            version=row["version"],
            activation_event=row["activation_event"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            last_event=row["last_event"],
            topic=row["topic"],
            partition=row["partition"],
            lane_seq=row["lane_seq"],
            versions=tuple(by_policy[row["tenant_id"], row["policy_id"]]),
        )
        for row in policies
    }


def _version(row: asyncpg.Record) -> VersionState:
    return VersionState(
        version=row["version"],
        state=row["state"],
        rego_content=row["rego_content"],
        package=row["package"],
        module=row["module"],
        module_digest=row["module_digest"],
        regulation_refs=tuple(row["regulation_refs"]),
        description=row["description"],
        enforcement=row["enforcement"],
        fail_mode=row["fail_mode"],
        timeout_ms=row["timeout_ms"],
        warnings=tuple(row["warnings"]),
        author=row["author"],
        created_at=row["created_at"],
        activating_since=row["activating_since"],
        confirmed_revision=row["confirmed_revision"],
        superseded_at=row["superseded_at"],
        personal_fields=tuple(row["personal_fields"]),
        input_storage=row["input_storage"],
    )
