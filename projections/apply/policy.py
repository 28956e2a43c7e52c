"""A policy and its versions, folded from the events of its lane."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, cast

from projections.apply import replay as replays
from projections.apply import shadow as shadows
from projections.apply.happened import Happened
from projections.apply.replay import Replay
from projections.apply.shadow import Shadow

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
    files: tuple[Mapping[str, str], ...] = ()
    """Further files as submitted, ``path`` and ``content`` of each."""
    modules: tuple[Mapping[str, str], ...] = ()
    """Further modules as loaded into OPA, likewise."""
    data: str = "{}"
    """Data document as loaded into OPA."""
    checked: Mapping[str, object] | None = None
    """What running it at its submission showed."""
    replay: Replay | None = None
    """The newest one that an activation asked for."""

    @property
    def replaying(self) -> bool:
        """Whether an activation waits for a replay; the version's state stays what it was meanwhile."""
        return self.replay is not None and self.replay.outcome == "running"


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
    shadow: Shadow | None = None
    """A version that is asked beside the deciding one."""

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
        "replay_requested",
        "replayed",
        "replay_overridden",
        "activation_blocked",
        "activation_requested",
        "activated",
        "activation_failed",
        "suspended",
        "shadow_requested",
        "shadow_started",
        "shadow_stopped",
        "retired",
    )
)

_SHADOW_EVENTS: Final = frozenset(name for name in POLICY_EVENTS if ".shadow_" in name)


_STATUS: Final[Mapping[str, VersionStatus]] = {
    "governance.policy.activation_requested": "activating",
    "governance.policy.activation_failed": "activation_failed",
    "governance.policy.suspended": "suspended",
}
"""Events that do nothing but to give a version a status."""


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
    if event.type in _SHADOW_EVENTS:
        return replace(moved, shadow=_shadow(moved, event))
    return _moved(state, moved, event)


def _shadow(state: PolicyState, event: Happened) -> Shadow | None:
    if event.type == "governance.policy.shadow_requested":
        return shadows.requested(event)
    if event.type == "governance.policy.shadow_started" and state.shadow is not None:
        return shadows.started(state.shadow, event)
    return None


def _moved(state: PolicyState, moved: PolicyState, event: Happened) -> PolicyState:
    """``moved`` is ``state`` with the event's place."""
    match event.type:
        case "governance.policy.updated":
            return replace(moved, versions=(*state.versions, _version(event)))
        case (
            "governance.policy.activation_requested"
            | "governance.policy.activation_failed"
            | "governance.policy.suspended"
        ):
            status = _STATUS[event.type]
            since = event.occurred_at if status == "activating" else None
            return _with(moved, _number(event), status=status, activating_since=since)
        case "governance.policy.rollback_requested" | "governance.policy.activation_blocked":
            return moved
        case (
            "governance.policy.replay_requested"
            | "governance.policy.replayed"
            | "governance.policy.replay_overridden"
        ):
            return _replayed(moved, event)
        case "governance.policy.activated":
            return _activated(moved, event)
        case "governance.policy.retired":
            versions = tuple(_retired(v, event) for v in state.versions)
            return replace(
                moved,
                state="retired",
                active_version=None,
                activation_event=None,
                versions=versions,
                shadow=None,
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


def _replayed(state: PolicyState, event: Happened) -> PolicyState:
    number = _number(event)
    version = state.versions[number - 1]
    if event.type == "governance.policy.replay_requested":
        replay = replays.requested(event)
    elif version.replay is None:
        raise ValueError(f"{event.event_id}: {event.type} before a replay was asked for")
    elif event.type == "governance.policy.replayed":
        replay = replays.finished(version.replay, event)
    else:
        replay = replays.overridden(version.replay, event)
    versions = state.versions
    return replace(
        state, versions=(*versions[: number - 1], replace(version, replay=replay), *versions[number:])
    )


def _retired(version: VersionState, event: Happened) -> VersionState:
    replay = version.replay and replays.abandoned(version.replay, event.occurred_at)
    return replace(version, state="retired", activating_since=None, replay=replay)


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
        files=tuple(cast("list[Mapping[str, str]]", body["files"])),
        modules=tuple(cast("list[Mapping[str, str]]", body["modules"])),
        data=str(body["data"]),
        checked=cast("Mapping[str, object] | None", body["checked"]),
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
