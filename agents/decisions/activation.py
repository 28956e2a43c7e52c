"""Which version decides: activation with or without a replay first, rollback, suspension."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from agents.decisions import shadowing
from agents.decisions.outcome import EventDraft, Outcome, Rejection
from agents.tenant_settings import TenantSettings
from projections.apply.policy import PolicyState, VersionState
from projections.apply.replay import ReplayOutcome
from schemas.models import (
    ActivatePolicy,
    ConfirmActivation,
    Confirmation,
    FailActivation,
    ReplayGate,
    ReportReplay,
    RollbackPolicy,
    SuspendPolicy,
)


def activate(state: PolicyState, command: ActivatePolicy, actor: str, settings: TenantSettings) -> Outcome:
    """The rules of a second actor and of the replay gate come first; a rollback knows neither."""
    return (
        _second_actor(state, command.version, actor, settings)
        or _waits_for_replay(state, command, actor, settings)
        or _activation(state, command.version)
    )


def _second_actor(state: PolicyState, number: int, actor: str, settings: TenantSettings) -> Rejection | None:
    version = state.numbered(number)
    if settings.four_eyes and version is not None and version.author == actor:
        detail = f"{actor!r} submitted version {number}; another actor activates it"
        return Rejection("needs_second_actor", detail)
    return None


def _waits_for_replay(
    state: PolicyState, command: ActivatePolicy, actor: str, settings: TenantSettings
) -> Outcome | None:
    """What the replay gate makes of an activation; None where there is none to pass."""
    version = _known(state, command.version)
    if isinstance(version, Rejection) or version.state in {"active", "activating", "retired"}:
        return None
    if command.override_replay:
        return _override(state, version, command.override_replay, actor)
    if version.replaying:
        return Rejection("already_replaying", f"the replay of version {version.version} has not ended")
    gate = _strictest(command.replay, settings.replay_gate)
    if gate is None:
        return None
    body = {
        "policy_id": state.policy_id,
        "version": version.version,
        "days": gate.days,
        "flip_budget": gate.flip_budget,
    }
    return (draft("replay_requested", state.policy_id, body),)


def _strictest(asked: ReplayGate | None, demanded: ReplayGate | None) -> ReplayGate | None:
    """Nobody gets past what the tenant demands by asking for less."""
    if asked is None or demanded is None:
        return asked or demanded
    return ReplayGate(
        days=max(asked.days, demanded.days), flip_budget=min(asked.flip_budget, demanded.flip_budget)
    )


def _override(state: PolicyState, version: VersionState, reason: str, actor: str) -> Outcome:
    replay = version.replay
    if replay is None or replay.outcome == "within_budget" or replay.overridden_by:
        return Rejection("nothing_to_override", f"no replay keeps version {version.version} back")
    if actor in {version.author, replay.requested_by}:
        who = "submitted" if actor == version.author else "asked to activate"
        return Rejection(
            "needs_second_actor", f"{actor!r} {who} version {version.version}; another overrides"
        )
    activation = _activation(state, version.version)
    if isinstance(activation, Rejection):
        return activation
    body = {
        "policy_id": state.policy_id,
        "version": version.version,
        "replay": replay.replay_id,
        "reason": reason,
    }
    return (draft("replay_overridden", state.policy_id, body), *activation)


def report_replay(state: PolicyState, command: ReportReplay) -> Outcome:
    """Within its budget a version goes on to be loaded; otherwise it is kept back, and the event says why."""
    version = _known(state, command.version)
    if isinstance(version, Rejection):
        return version
    replay = version.replay
    if replay is None or not version.replaying or replay.replay_id != command.replay:
        return Rejection("not_replaying", f"version {command.version} waits for no such replay")
    outcome, reason = _judged(command, replay.flip_budget)
    body = {
        "policy_id": state.policy_id,
        "version": version.version,
        "replay": replay.replay_id,
        "days": replay.days,
        "flip_budget": replay.flip_budget,
        "outcome": outcome,
        "reason": reason,
        "report": command.report and command.report.model_dump(),
    }
    replayed = draft("replayed", state.policy_id, body)
    if outcome != "within_budget":
        kept_back = {name: body[name] for name in ("policy_id", "version", "replay", "outcome", "reason")}
        return (replayed, draft("activation_blocked", state.policy_id, kept_back))
    activation = _activation(state, version.version)
    # Something else made it decide meanwhile: the report is kept all the same.
    return (replayed,) if isinstance(activation, Rejection) else (replayed, *activation)


def _judged(command: ReportReplay, flip_budget: int) -> tuple[ReplayOutcome, str]:
    report = command.report
    if report is None:
        return "failed", command.error or "the replay gave no report"
    if report.deterministic is False:
        return "failed", f"deciding again gave another result: {report.differing[0]}"
    if report.decisions == 0 and report.left_out > 0:
        return "failed", f"none of {report.left_out} decisions kept its input whole: nothing can be compared"
    if report.flipped > flip_budget:
        return "over_budget", f"{report.flipped} answers change, {flip_budget} may"
    return "within_budget", ""


def _activation(state: PolicyState, number: int) -> Outcome:
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
            return (draft("activation_requested", state.policy_id, body),)
        case "retired":
            return Rejection("policy_retired", f"version {number} is retired")
    assert_never(version.state)


def roll_back(state: PolicyState, command: RollbackPolicy) -> Outcome:
    version = _last_superseded(state) if command.to_version is None else _known(state, command.to_version)
    if version is None:
        return Rejection("nothing_to_roll_back_to", f"no version of {state.name!r} decided before")
    if isinstance(version, Rejection):
        return version
    if version.state != "superseded":
        return Rejection("not_superseded", f"version {version.version} is {version.state}")
    activation = _activation(state, version.version)
    if isinstance(activation, Rejection):
        return activation
    body = {
        "policy_id": state.policy_id,
        "from_version": state.active_version,
        "to_version": version.version,
        "reason": command.reason,
    }
    return (draft("rollback_requested", state.policy_id, body), *activation)


def suspend(state: PolicyState, command: SuspendPolicy, settings: TenantSettings) -> Outcome:
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
    ended = shadowing.stopped(state, "replaced") if _is_shadow(state, version) else ()
    suspended = draft("suspended", state.policy_id, body)
    return (*ended, suspended, *_activated(state, restored, 0, ())) if restored else (*ended, suspended)


def confirm(state: PolicyState, command: ConfirmActivation) -> Outcome:
    """Of an activation, or of a shadow that waits to be loaded."""
    if shadowing.awaits(state, command.version) and not _is_activating(state, command.version):
        return shadowing.started(state, command.version, command.revision)
    version = _activating(state, command.version)
    if isinstance(version, Rejection):
        return version
    return _activated(state, version, command.revision, command.confirmations)


def fail(state: PolicyState, command: FailActivation) -> Outcome:
    """Of an activation, or of a shadow that waits to be loaded."""
    if shadowing.awaits(state, command.version) and not _is_activating(state, command.version):
        return shadowing.stopped(state, "bundle", command.reason)
    version = _activating(state, command.version)
    if isinstance(version, Rejection):
        return version
    body = {"policy_id": state.policy_id, "version": command.version, "reason": command.reason}
    return (draft("activation_failed", state.policy_id, body),)


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
    ended = shadowing.stopped(state, "activated") if _is_shadow(state, version) else ()
    return (*ended, draft("activated", state.policy_id, body))


def _is_shadow(state: PolicyState, version: VersionState) -> bool:
    return state.shadow is not None and state.shadow.version == version.version


def _is_activating(state: PolicyState, number: int) -> bool:
    version = state.numbered(number)
    return version is not None and version.state == "activating"


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


def draft(name: str, policy_id: str, body: Mapping[str, object]) -> EventDraft:
    """An event of the policy family."""
    return EventDraft(f"governance.policy.{name}", f"policy/{policy_id}", body)
