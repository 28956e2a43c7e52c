"""Shadow versions: who may be one, and what a difference between shadow and decision comes to."""

from typing import Final

from agents.decisions.answering import Answered
from agents.decisions.outcome import EventDraft, Outcome, Rejection
from projections.apply.policy import PolicyState
from schemas.models import ShadowPolicy, UnshadowCause, UnshadowPolicy

MAX_REASONS: Final = 20
"""Bound of the reasons that a difference tells of either side: it must never keep a decision from fitting."""

MAX_REASON_CHARS: Final = 500
"""Bound of one of them."""


def decide_shadow(state: PolicyState, command: ShadowPolicy | UnshadowPolicy) -> Outcome:
    """A policy has one shadow at most; a new one takes the old one's place."""
    return _shadow(state, command) if isinstance(command, ShadowPolicy) else _unshadow(state, command)


def _shadow(state: PolicyState, command: ShadowPolicy) -> Outcome:
    """A version that does not decide becomes the policy's one shadow once OPA holds it."""
    version = state.numbered(command.version)
    if version is None:
        return Rejection("unknown_version", f"policy {state.name!r} has versions 1 to {len(state.versions)}")
    if version.state not in {"validated", "superseded"}:
        return Rejection("not_shadowable", f"version {version.version} is {version.state}")
    if state.shadow is not None and state.shadow.version == version.version:
        return Rejection("already_shadowing", f"version {version.version} is the shadow already")
    body = {"policy_id": state.policy_id, "version": version.version}
    return (*stopped(state, "replaced"), _draft("shadow_requested", state.policy_id, body))


def _unshadow(state: PolicyState, command: UnshadowPolicy) -> Outcome:
    """A version that is named must be the shadow: what the engine saw may be over by now."""
    if state.shadow is None or command.version not in {None, state.shadow.version}:
        return Rejection("not_shadowing", f"policy {state.name!r} has no such shadow")
    return stopped(state, command.cause, command.reason)


def started(state: PolicyState, version: int, revision: int) -> tuple[EventDraft, ...]:
    """Every OPA process of the tenant holds the shadow: it is asked from now on."""
    body = {"policy_id": state.policy_id, "version": version, "revision": revision}
    return (_draft("shadow_started", state.policy_id, body),)


def stopped(state: PolicyState, cause: UnshadowCause, reason: str = "") -> tuple[EventDraft, ...]:
    """The end of a policy's shadow, where it has one."""
    if state.shadow is None:
        return ()
    body = {
        "policy_id": state.policy_id,
        "version": state.shadow.version,
        "cause": cause,
        "reason": reason,
    }
    return (_draft("shadow_stopped", state.policy_id, body),)


def awaits(state: PolicyState, version: int) -> bool:
    """Whether a shadow waits to be loaded, and is this version."""
    return state.shadow is not None and state.shadow.version == version and not state.shadow.revision


def differ(said: Answered, shadow: Answered) -> bool:
    """Whether two answers differ, in whatever order their reasons and obligations come.

    What was not asked to the end differs from nothing; messages of failures name places, and count for none.
    """
    if said.answer != shadow.answer:
        return True
    if not said.answer:
        return said.error != shadow.error
    return (sorted(said.reasons), sorted(said.obligations)) != (
        sorted(shadow.reasons),
        sorted(shadow.obligations),
    )


def difference(
    policy_id: str,
    resource: str,
    decision_id: str,
    version: int,
    said: Answered,
    shadow_version: int,
    shadow: Answered,
) -> EventDraft:
    """The event of a difference; it rests on the decision."""
    body = {
        "policy_id": policy_id,
        "decision_id": decision_id,
        "resource": resource,
        "version": version,
        "answer": said.answer,
        "error": said.error,
        "reasons": _bounded(said.reasons),
        "shadow_version": shadow_version,
        "shadow_answer": shadow.answer,
        "shadow_error": shadow.error,
        "shadow_reasons": _bounded(shadow.reasons),
    }
    return EventDraft("governance.policy.shadow_differed", resource, body, decision_id)


def _bounded(reasons: list[str]) -> list[str]:
    return [reason[:MAX_REASON_CHARS] for reason in reasons[:MAX_REASONS]]


def _draft(name: str, policy_id: str, body: dict[str, object]) -> EventDraft:
    return EventDraft(f"governance.policy.{name}", f"policy/{policy_id}", body)
