"""Policies and their versions as rows of the primary database, and back."""

from collections import defaultdict
from collections.abc import Sequence
from typing import cast

import asyncpg

from agents.decisions.answering import Pointer, unknown
from agents.decisions.combining import Combining
from agents.decisions.evaluation import Gate
from projections.apply.decision_point import DecisionPointKey, DecisionPointState
from projections.apply.policy import PolicyKey, PolicyState, VersionState
from projections.apply.replay import Replay
from projections.apply.shadow import Shadow


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
        shadow=(row["shadow_version"], row["shadow_revision"]) if row["shadow_revision"] else None,
    )


def gates(found: Sequence[asyncpg.Record]) -> dict[DecisionPointKey, Gate]:
    """Rows of the points query, a policy each, in the order of their points."""
    rows: dict[DecisionPointKey, list[asyncpg.Record]] = defaultdict(list)
    for row in found:
        rows[row["tenant_id"], row["decision_point_id"]].append(row)
    return {
        key: Gate(
            policies=tuple(row["policy"] for row in bound),
            pointers=tuple(
                pointer(row) if row["state"] is not None else unknown(row["policy_id"]) for row in bound
            ),
            combining=cast("Combining", bound[0]["combining"]),
            binding=bound[0]["binding"],
        )
        for key, bound in rows.items()
    }


def decision_point_values(point: DecisionPointState) -> tuple[object, ...]:
    """Values of one row of ``decision_point``."""
    return (
        point.tenant_id,
        point.decision_point_id,
        point.name,
        [identity for identity, _ in point.policies],
        [policy for _, policy in point.policies],
        point.combining,
        point.version,
        point.updated_by,
        point.created_at,
        point.updated_at,
        point.last_event,
        point.topic,
        point.partition,
        point.lane_seq,
    )


def decision_point_state(row: asyncpg.Record) -> DecisionPointState:
    """A row of ``decision_point``."""
    fields = dict(row)
    policies = tuple(zip(fields.pop("policy_ids"), fields.pop("policies"), strict=True))
    return DecisionPointState(policies=policies, **fields)


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
        policy.shadow and policy.shadow.version,
        policy.shadow and policy.shadow.requested_by,
        policy.shadow and policy.shadow.requested_at,
        policy.shadow and policy.shadow.revision,
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
        [dict(file) for file in version.files],
        [dict(module) for module in version.modules],
        version.data,
        version.checked,
    )


def replay_values(policy: PolicyState, version: int, replay: Replay) -> tuple[object, ...]:
    """Values of one row of ``policy_replay``."""
    return (
        policy.tenant_id,
        policy.policy_id,
        replay.replay_id,
        version,
        replay.days,
        replay.flip_budget,
        replay.requested_by,
        replay.requested_at,
        replay.outcome,
        replay.reason,
        replay.report,
        replay.finished_at,
        replay.overridden_by,
        replay.override_reason,
    )


def policy_states(
    policies: Sequence[asyncpg.Record], versions: Sequence[asyncpg.Record], replays: Sequence[asyncpg.Record]
) -> dict[PolicyKey, PolicyState]:
    """Policies with their versions in ascending order, each with its newest replay."""
    of_version = {(row["tenant_id"], row["policy_id"], row["version"]): _replay(row) for row in replays}
    by_policy: dict[PolicyKey, list[VersionState]] = defaultdict(list)
    for row in versions:
        key = row["tenant_id"], row["policy_id"]
        by_policy[key].append(_version(row, of_version.get((*key, row["version"]))))
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
            shadow=_shadow(row),
        )
        for row in policies
    }


def _shadow(row: asyncpg.Record) -> Shadow | None:
    if row["shadow_version"] is None:
        return None
    return Shadow(row["shadow_version"], row["shadow_by"], row["shadow_since"], row["shadow_revision"])


def _replay(row: asyncpg.Record) -> Replay:
    return Replay(
        replay_id=row["replay_id"],
        days=row["days"],
        flip_budget=row["flip_budget"],
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
        outcome=row["outcome"],
        reason=row["reason"],
        report=row["report"],
        finished_at=row["finished_at"],
        overridden_by=row["overridden_by"],
        override_reason=row["override_reason"],
    )


def _version(row: asyncpg.Record, replay: Replay | None) -> VersionState:
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
        files=tuple(row["files"]),
        modules=tuple(row["modules"]),
        data=row["data"],
        checked=row["checked"],
        replay=replay,
    )
