"""Deciding what becomes of a policy and its versions."""

from collections.abc import Mapping
from typing import assert_never

from agents.decisions.activation import activate, confirm, draft, fail, report_replay, roll_back, suspend
from agents.decisions.outcome import Outcome, Rejection
from agents.decisions.shadowing import decide_shadow
from agents.decisions.submission import CheckedModule, Submission, bodies
from agents.tenant_settings import TenantSettings
from projections.apply.policy import PolicyState, VersionState
from schemas.models import (
    ActivatePolicy,
    ConfirmActivation,
    CreatePolicy,
    FailActivation,
    ReportReplay,
    RetirePolicy,
    RollbackPolicy,
    ShadowPolicy,
    SuspendPolicy,
    UnshadowPolicy,
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
    | ReportReplay
    | ShadowPolicy
    | UnshadowPolicy
)
PolicyCommand = CreatePolicy | ExistingPolicyCommand


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
            return activate(state, command, actor, settings)
        case ReportReplay():
            return report_replay(state, command)
        case ShadowPolicy() | UnshadowPolicy():
            return decide_shadow(state, command)
        case RollbackPolicy():
            return roll_back(state, command)
        case SuspendPolicy():
            return suspend(state, command, settings)
        case ConfirmActivation():
            return confirm(state, command)
        case FailActivation():
            return fail(state, command)
        case RetirePolicy():
            body = {"policy_id": state.policy_id, "version": state.active_version, "reason": command.reason}
            return (draft("retired", state.policy_id, body),)
    assert_never(command)


def source_of(state: PolicyState | None, command: PolicyCommand) -> Submission | None:
    """What needs a submission check, if anything."""
    if isinstance(command, CreatePolicy):
        files = tuple((file.path, file.content) for file in command.files)
        created = Submission(
            1, command.policy_type, command.rego_content, files, command.timeout_ms, command.entry_path
        )
        return None if state else created
    if isinstance(command, UpdatePolicy) and state is not None and state.state != "retired":
        newest = state.newest
        return Submission(
            version=newest.version + 1,
            policy_type=state.policy_type,
            rego_content=newest.rego_content if command.rego_content is None else command.rego_content,
            files=_files(newest, command),
            timeout_ms=newest.timeout_ms if command.timeout_ms is None else command.timeout_ms,
            entry_path=command.entry_path or "",
        )
    return None


def _files(newest: VersionState, command: UpdatePolicy) -> tuple[tuple[str, str], ...]:
    if command.files is None:
        return tuple((file["path"], file["content"]) for file in newest.files)
    return tuple((file.path, file.content) for file in command.files)


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
        "files": [file.model_dump() for file in command.files],
        "regulation_refs": list(command.regulation_refs),
        "description": command.description,
        "enforcement": command.enforcement,
        "fail_mode": command.fail_mode,
        "timeout_ms": command.timeout_ms,
        "personal_fields": list(command.personal_fields),
        "input_storage": command.input_storage,
        **_checked_fields(checked),
    }
    return (draft("created", policy_id, body),)


def _update(state: PolicyState, command: UpdatePolicy, checked: CheckedModule | None) -> Outcome:
    if command.model_dump(exclude={"policy", "entry_path"}, exclude_none=True) == {}:
        return Rejection("nothing_changes", "an update names at least one field")
    if refusal := _refused(checked):
        return refusal
    newest = state.newest
    body = {
        "policy_id": state.policy_id,
        "name": state.name,
        "policy_type": state.policy_type,
        "rego_content": newest.rego_content if command.rego_content is None else command.rego_content,
        "files": bodies(_files(newest, command)),
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
    return (draft("updated", state.policy_id, body),)


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
        "modules": bodies(checked.modules),
        "data": checked.data,
        "checked": checked.report,
        "warnings": [finding.body() for finding in checked.warnings],
    }
