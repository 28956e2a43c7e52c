"""Deciding what becomes of a policy and its versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from agents.decisions.outcome import EventDraft, Finding, Outcome, Rejection
from agents.tenant_settings import TenantSettings
from projections.apply.policy import PolicyState, VersionState
from schemas.models import (
    ActivatePolicy,
    ConfirmActivation,
    Confirmation,
    CreatePolicy,
    FailActivation,
    RetirePolicy,
    RollbackPolicy,
    SuspendPolicy,
    UpdatePolicy,
)

ExistingPolicyCommand = (
    UpdatePolicy
    | ActivatePolicy
    | RollbackPolicy
    | SuspendPolicy
    | RetirePolicy
    | ConfirmActivation
    | FailActivation
)
PolicyCommand = CreatePolicy | ExistingPolicyCommand


@dataclass(frozen=True, slots=True)
class CheckedModule:
    """What the submission check made of a module for one version number."""

    version: int
    findings: tuple[Finding, ...]
    """Empty when the module was accepted."""
    module: str
    package: str
    module_digest: str
    warnings: tuple[Finding, ...]


def decide_policy(
    state: PolicyState | None,
    policy_id: str,
    command: PolicyCommand,
    checked: CheckedModule | None,
    actor: str,
    settings: TenantSettings,
) -> Outcome:
    """The events of a policy command, or a rejection; ``checked`` is None where no source comes along.

    ``actor`` sent the command; ``settings`` are those of its tenant.
    """
    if isinstance(command, CreatePolicy):
        return _create(state, policy_id, command, checked)
    if state is None:
        return Rejection("unknown_policy", f"no policy {command.policy!r}")
    if state.state == "retired":
        return Rejection("policy_retired", f"policy {state.name!r} is retired")
    return _decide_existing(state, command, checked, actor, settings)


def _decide_existing(
    state: PolicyState,
    command: ExistingPolicyCommand,
    checked: CheckedModule | None,
    actor: str,
    settings: TenantSettings,
) -> Outcome:
    match command:
        case UpdatePolicy():
            return _update(state, command, checked)
        case ActivatePolicy():
            return _second_actor(state, command.version, actor, settings) or _activate(state, command.version)
        case RollbackPolicy():
            return _roll_back(state, command)
        case SuspendPolicy():
            return _suspend(state, command, settings)
        case ConfirmActivation():
            return _confirm(state, command)
        case FailActivation():
            return _fail(state, command)
        case RetirePolicy():
            body = {"policy_id": state.policy_id, "version": state.active_version, "reason": command.reason}
            return (_draft("retired", state.policy_id, body),)
    assert_never(command)


def source_of(state: PolicyState | None, command: PolicyCommand) -> tuple[int, str] | None:
    """The version number and source that need a submission check, if any."""
    if isinstance(command, CreatePolicy):
        return None if state else (1, command.rego_content)
    if isinstance(command, UpdatePolicy) and state is not None and state.state != "retired":
        newest = state.newest
        source = newest.rego_content if command.rego_content is None else command.rego_content
        return newest.version + 1, source
    return None


def _create(
    state: PolicyState | None, policy_id: str, command: CreatePolicy, checked: CheckedModule | None
) -> Outcome:
    if state is not None:
        return Rejection("already_exists", f"policy {command.name!r} exists; submit an update")
    if refusal := _refused(checked):
        return refusal
    body = {
        "policy_id": policy_id,
        "name": command.name,
        "policy_type": command.policy_type,
        "rego_content": command.rego_content,
        "regulation_refs": list(command.regulation_refs),
        "description": command.description,
        "enforcement": command.enforcement,
        "fail_mode": command.fail_mode,
        "timeout_ms": command.timeout_ms,
        "personal_fields": list(command.personal_fields),
        "input_storage": command.input_storage,
        **_checked_fields(checked),
    }
    return (_draft("created", policy_id, body),)


def _update(state: PolicyState, command: UpdatePolicy, checked: CheckedModule | None) -> Outcome:
    if command.model_dump(exclude={"policy"}, exclude_none=True) == {}:
        return Rejection("nothing_changes", "an update names at least one field")
    if refusal := _refused(checked):
        return refusal
    newest = state.newest
    body = {
        "policy_id": state.policy_id,
        "name": state.name,
        "policy_type": state.policy_type,
        "rego_content": newest.rego_content if command.rego_content is None else command.rego_content,
        "regulation_refs": list(
            newest.regulation_refs if command.regulation_refs is None else command.regulation_refs
        ),
        "description": newest.description if command.description is None else command.description,
        "enforcement": command.enforcement or newest.enforcement,
        "fail_mode": command.fail_mode or newest.fail_mode,
        "timeout_ms": newest.timeout_ms if command.timeout_ms is None else command.timeout_ms,
        "personal_fields": list(
            newest.personal_fields if command.personal_fields is None else command.personal_fields
        ),
        "input_storage": command.input_storage or newest.input_storage,
        **_checked_fields(checked),
    }
    return (_draft("updated", state.policy_id, body),)


def _second_actor(state: PolicyState, number: int, actor: str, settings: TenantSettings) -> Rejection | None:
    version = state.numbered(number)
    if settings.four_eyes and version is not None and version.author == actor:
        detail = f"{actor!r} submitted version {number}; another actor activates it"
        return Rejection("needs_second_actor", detail)
    return None


def _activate(state: PolicyState, number: int) -> Outcome:
    version = _known(state, number)
    if isinstance(version, Rejection):
        return version
    match version.state:
        case "active":
            return Rejection("already_active", f"version {number} decides already")
        case "activating":
            return Rejection("already_activating", f"version {number} is being loaded")
        case "superseded" if version is _last_superseded(state):
            return _activated(state, version, 0, ())
        case "validated" | "superseded" | "suspended" | "activation_failed":
            body = {"policy_id": state.policy_id, "version": number}
            return (_draft("activation_requested", state.policy_id, body),)
        case "retired":
            return Rejection("policy_retired", f"version {number} is retired")
    assert_never(version.state)


def _roll_back(state: PolicyState, command: RollbackPolicy) -> Outcome:
    version = _last_superseded(state) if command.to_version is None else _known(state, command.to_version)
    if version is None:
        return Rejection("nothing_to_roll_back_to", f"no version of {state.name!r} decided before")
    if isinstance(version, Rejection):
        return version
    if version.state != "superseded":
        return Rejection("not_superseded", f"version {version.version} is {version.state}")
    activation = _activate(state, version.version)
    if isinstance(activation, Rejection):
        return activation
    body = {
        "policy_id": state.policy_id,
        "from_version": state.active_version,
        "to_version": version.version,
        "reason": command.reason,
    }
    return (_draft("rollback_requested", state.policy_id, body), *activation)


def _suspend(state: PolicyState, command: SuspendPolicy, settings: TenantSettings) -> Outcome:
    """A person who suspends asks for the fail mode, and has the rollback besides; the engine may restore."""
    number = state.active_version if command.version is None else command.version
    if number is None:
        return Rejection("policy_not_active", f"no version of {state.name!r} decides")
    version = _known(state, number)
    if isinstance(version, Rejection):
        return version
    if version.state not in {"active", "superseded"}:
        return Rejection("not_suspendable", f"version {number} is {version.state}")
    by_engine = command.cause != "operator" and number == state.active_version
    restored = _last_superseded(state) if by_engine and settings.restore_last_good else None
    body = {
        "policy_id": state.policy_id,
        "version": number,
        "reason": command.reason,
        "cause": command.cause,
        "restored_version": restored.version if restored else None,
    }
    suspended = _draft("suspended", state.policy_id, body)
    return (suspended, *_activated(state, restored, 0, ())) if restored else (suspended,)


def _confirm(state: PolicyState, command: ConfirmActivation) -> Outcome:
    version = _activating(state, command.version)
    if isinstance(version, Rejection):
        return version
    return _activated(state, version, command.revision, command.confirmations)


def _fail(state: PolicyState, command: FailActivation) -> Outcome:
    version = _activating(state, command.version)
    if isinstance(version, Rejection):
        return version
    body = {"policy_id": state.policy_id, "version": command.version, "reason": command.reason}
    return (_draft("activation_failed", state.policy_id, body),)


def _activated(
    state: PolicyState, version: VersionState, revision: int, confirmations: Sequence[Confirmation]
) -> tuple[EventDraft, ...]:
    body = {
        "policy_id": state.policy_id,
        "name": state.name,
        "version": version.version,
        "previous_version": state.active_version,
        "module_digest": version.module_digest,
        "revision": revision,
        "confirmations": [c.model_dump() for c in confirmations],
    }
    return (_draft("activated", state.policy_id, body),)


def _last_superseded(state: PolicyState) -> VersionState | None:
    """The one superseded version that OPA keeps loaded: going back to it needs no bundle."""
    superseded = [v for v in state.versions if v.state == "superseded"]
    return max(superseded, key=lambda v: (v.superseded_at, v.version), default=None)


def _known(state: PolicyState, number: int) -> VersionState | Rejection:
    version = state.numbered(number)
    if version is None:
        return Rejection("unknown_version", f"policy {state.name!r} has versions 1 to {len(state.versions)}")
    return version


def _activating(state: PolicyState, number: int) -> VersionState | Rejection:
    version = _known(state, number)
    if isinstance(version, VersionState) and version.state != "activating":
        return Rejection("not_activating", f"version {number} is {version.state}")
    return version


def _refused(checked: CheckedModule | None) -> Rejection | None:
    if checked is None:
        raise ValueError("a submitted source was not checked")
    if checked.findings:
        first = checked.findings[0]
        detail = f"{first.file}:{first.row}:{first.column}: {first.message}"
        return Rejection("invalid_rego", detail, checked.findings)
    return None


def _checked_fields(checked: CheckedModule | None) -> Mapping[str, object]:
    if checked is None:
        raise ValueError("a submitted source was not checked")
    return {
        "version": checked.version,
        "package": checked.package,
        "module": checked.module,
        "module_digest": checked.module_digest,
        "warnings": [finding.body() for finding in checked.warnings],
    }


def _draft(name: str, policy_id: str, body: Mapping[str, object]) -> EventDraft:
    return EventDraft(f"governance.policy.{name}", f"policy/{policy_id}", body)
