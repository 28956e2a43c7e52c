"""A policy and its versions, folded from the events of its lane."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, cast

from projections.apply.happened import Happened

PolicyKey = tuple[str, str]
"""Tenant and policy id."""

VersionStatus = Literal[
    "validated", "activating", "active", "superseded", "suspended", "retired", "activation_failed"
]
PolicyStatus = Literal["draft", "active", "retired"]


@dataclass(frozen=True, slots=True)
class VersionState:
    """One version; everything but its status is fixed when it is accepted."""

    version: int
    state: VersionStatus
    rego_content: str
    package: str
    module: str
    module_digest: str
    regulation_refs: tuple[str, ...]
    description: str
    enforcement: str
    fail_mode: str
    timeout_ms: int | None
    warnings: tuple[Mapping[str, object], ...]
    author: str
    created_at: datetime
    activating_since: datetime | None = None
    confirmed_revision: int = 0
    superseded_at: datetime | None = None
    personal_fields: tuple[str, ...] = ()
    """JSON Pointers of input fields that are masked before they are stored."""
    input_storage: str = "full"


@dataclass(frozen=True, slots=True)
class PolicyState:
    """One policy with its versions 1..n in order."""

    tenant_id: str
    policy_id: str
    name: str
    policy_type: str
    state: PolicyStatus
    active_version: int | None
    """Where the policy points; its version is not asked unless it is in state ``active``."""
    version: int
    """Of the aggregate: one per event."""
    activation_event: str | None
    created_at: datetime
    updated_at: datetime
    last_event: str
    topic: str
    partition: int
    lane_seq: int
    versions: tuple[VersionState, ...]

    @property
    def newest(self) -> VersionState:
        """The version that was submitted last."""
        return self.versions[-1]

    def numbered(self, version: int) -> VersionState | None:
        """The version of that number, from 1."""
        return self.versions[version - 1] if 1 <= version <= len(self.versions) else None


POLICY_EVENTS: Final = frozenset(
    f"governance.policy.{name}"
    for name in (
        "created",
        "updated",
        "rollback_requested",
        "activation_requested",
        "activated",
        "activation_failed",
        "suspended",
        "retired",
    )
)


_STOPPED: Final[Mapping[str, VersionStatus]] = {
    "governance.policy.activation_failed": "activation_failed",
    "governance.policy.suspended": "suspended",
}
"""Events after which a version is asked no more, and what they make of it."""


def evolve(state: PolicyState | None, event: Happened) -> PolicyState:
    """The policy after one of :data:`POLICY_EVENTS`; raises ValueError for an event out of place."""
    if event.type == "governance.policy.created":
        if state is not None:
            raise ValueError(f"{event.event_id}: the policy was created before")
        return _created(event)
    if state is None:
        raise ValueError(f"{event.event_id}: {event.type} before the policy was created")
    moved = replace(
        state,
        version=state.version + 1,
        updated_at=event.occurred_at,
        last_event=event.event_id,
        topic=event.topic,
        partition=event.partition,
        lane_seq=event.lane_seq,
    )
    match event.type:
        case "governance.policy.updated":
            return replace(moved, versions=(*state.versions, _version(event)))
        case "governance.policy.activation_requested":
            return _with(moved, _number(event), status="activating", activating_since=event.occurred_at)
        case "governance.policy.activation_failed" | "governance.policy.suspended":
            return _with(moved, _number(event), status=_STOPPED[event.type])
        case "governance.policy.rollback_requested":
            return moved
        case "governance.policy.activated":
            return _activated(moved, event)
        case "governance.policy.retired":
            versions = tuple(replace(v, state="retired", activating_since=None) for v in state.versions)
            return replace(
                moved, state="retired", active_version=None, activation_event=None, versions=versions
            )
    raise ValueError(f"{event.event_id}: {event.type} is no policy event")


def _created(event: Happened) -> PolicyState:
    return PolicyState(
        tenant_id=event.tenant,
        policy_id=str(event.body["policy_id"]),
        name=str(event.body["name"]),
        policy_type=str(event.body["policy_type"]),
        state="draft",
        active_version=None,
        version=1,
        activation_event=None,
        created_at=event.occurred_at,
        updated_at=event.occurred_at,
        last_event=event.event_id,
        topic=event.topic,
        partition=event.partition,
        lane_seq=event.lane_seq,
        versions=(_version(event),),
    )


def _activated(state: PolicyState, event: Happened) -> PolicyState:
    number = _number(event)
    before = state.active_version
    if before is not None and before != number and state.versions[before - 1].state == "active":
        state = _with(state, before, status="superseded", superseded_at=event.occurred_at)
    revision = cast(int, event.body["revision"])
    current = state.versions[number - 1]
    state = _with(
        state,
        number,
        status="active",
        confirmed_revision=revision or current.confirmed_revision,
    )
    return replace(state, state="active", active_version=number, activation_event=event.event_id)


def _version(event: Happened) -> VersionState:
    body = event.body
    return VersionState(
        version=_number(event),
        state="validated",
        rego_content=str(body["rego_content"]),
        package=str(body["package"]),
        module=str(body["module"]),
        module_digest=str(body["module_digest"]),
        regulation_refs=tuple(cast("list[str]", body["regulation_refs"])),
        description=str(body["description"]),
        enforcement=str(body["enforcement"]),
        fail_mode=str(body["fail_mode"]),
        timeout_ms=cast("int | None", body["timeout_ms"]),
        warnings=tuple(cast("list[Mapping[str, object]]", body["warnings"])),
        author=event.actor,
        created_at=event.occurred_at,
        personal_fields=tuple(cast("list[str]", body["personal_fields"])),
        input_storage=str(body["input_storage"]),
    )


def _number(event: Happened) -> int:
    return cast(int, event.body["version"])


def _with(
    state: PolicyState,
    number: int,
    *,
    status: VersionStatus,
    activating_since: datetime | None = None,
    superseded_at: datetime | None = None,
    confirmed_revision: int | None = None,
) -> PolicyState:
    old = state.versions[number - 1]
    new = replace(
        old,
        state=status,
        activating_since=activating_since,
        superseded_at=superseded_at,
        confirmed_revision=old.confirmed_revision if confirmed_revision is None else confirmed_revision,
    )
    return replace(state, versions=(*state.versions[: number - 1], new, *state.versions[number:]))
