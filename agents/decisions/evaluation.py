"""Deciding an evaluation: policy version, OPA's answer, enforcement and fail mode."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import orjson

from agents.decisions.outcome import EventDraft, Outcome, Rejection
from schemas.models import Evaluate

MAX_REASONS: Final = 100
"""Bound of the reasons copied out of a result; the result itself is kept whole."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a policy's name points to at one moment."""

    policy_id: str
    state: str
    version: int | None
    """The active version; None when none decides."""
    module_digest: str
    enforcement: str
    fail_mode: str
    timeout_ms: int | None
    confirmed_revision: int
    activation_event: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """OPA's answer on one version and one input."""

    version: int
    result: bytes | None
    """The decision document as JSON; None when there is none."""
    error: str
    """Reason code when the policy did not answer, else empty."""
    detail: str
    duration_us: int
    opa: str
    revision: int


def decide_evaluation(
    command: Evaluate, pointer: Pointer | None, verdict: Verdict | None, decision_id: str
) -> Outcome:
    """The decision event, or a rejection where no version could be asked.

    An undefined, malformed, late or missing answer takes the policy's fail mode, never its result.
    """
    if pointer is None:
        return Rejection("unknown_policy", f"no policy {command.policy!r}")
    if pointer.version is None or verdict is None:
        return Rejection("policy_not_active", f"policy {command.policy!r} is {pointer.state}")
    allow, reasons, error = _read_result(verdict)
    if allow is None:
        outcome = "allow" if pointer.fail_mode == "open" and verdict.error != "not_loaded" else "deny"
    else:
        outcome = "allow" if allow else "deny"
    body = {
        "decision_id": decision_id,
        "policy_id": pointer.policy_id,
        "policy": command.policy,
        "version": pointer.version,
        "module_digest": pointer.module_digest,
        "resource": command.resource,
        "decision_point": command.decision_point,
        "outcome": outcome,
        "basis": "fail_mode" if allow is None else "policy",
        "error": error,
        "reasons": reasons,
        "result": verdict.result,
        "input": command.input,
        "input_digest": sha256(command.input).hexdigest(),
        "enforcement": pointer.enforcement,
        "fail_mode": pointer.fail_mode,
        "duration_us": verdict.duration_us,
        "opa": verdict.opa,
        "bundle_revision": verdict.revision,
    }
    return (EventDraft("governance.policy.evaluated", command.resource, body, pointer.activation_event),)


def _read_result(verdict: Verdict) -> tuple[bool | None, list[str], str]:
    if verdict.error or verdict.result is None:
        return None, [verdict.detail or verdict.error], verdict.error or "undefined"
    document = orjson.loads(verdict.result)
    allow = document.get("allow") if isinstance(document, dict) else document
    if not isinstance(allow, bool):
        return None, ["the decision document has no boolean allow"], "evaluation_error"
    violations = document.get("violations", []) if isinstance(document, dict) else []
    if not isinstance(violations, list):
        return None, ["violations is no array"], "evaluation_error"
    return (
        allow,
        [v if isinstance(v, str) else orjson.dumps(v).decode() for v in violations[:MAX_REASONS]],
        "",
    )
