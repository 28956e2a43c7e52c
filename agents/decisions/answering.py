"""What one policy version said, and what that comes to under its enforcement and fail mode."""

from dataclasses import dataclass
from typing import Final

import orjson

MAX_REASONS: Final = 100
"""Bound of the reasons copied out of a result; the result itself is kept whole."""

MAX_OBLIGATIONS: Final = 100
"""The same for its obligations."""


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
    personal_fields: tuple[str, ...] = ()
    """JSON Pointers of input fields that are masked before they are stored."""
    input_storage: str = "full"
    """``full``, or ``digest``: the input itself is not stored."""
    suspended: bool = False
    """The version is suspended, or being activated again after that: OPA is not asked."""
    shadow: "tuple[int, int] | None" = None
    """A version that is asked beside it without any effect, and the bundle revision that has it."""


def unknown(policy_id: str) -> Pointer:
    """What stands for the pointer of a policy that is bound and not there."""
    return Pointer(policy_id, "unknown", None, "", "", "", None, 0, "")


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


def suspended_verdict(version: int) -> Verdict:
    """What stands for OPA's answer on a suspended version: the fail mode decides."""
    return Verdict(version, None, "suspended", f"version {version} is suspended", 0, "", 0)


@dataclass(frozen=True, slots=True)
class Answered:
    """What one policy said, and what it comes to under its enforcement and fail mode."""

    answer: str
    """The policy's own ``allow`` or ``deny``; empty when it did not answer."""
    outcome: str
    basis: str
    error: str
    reasons: list[str]
    obligations: list[str]
    """JSON texts."""


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """The last decision on a resource in which a policy answered by itself."""

    decision_id: str
    answer: str


def needs_last_known(pointer: Pointer, verdict: Verdict) -> bool:
    """Whether the fail mode asks what the policy answered last."""
    return pointer.fail_mode == "last_known" and isinstance(_read_result(verdict), _NoAnswer)


def answered(pointer: Pointer, verdict: Verdict, known: KnownAnswer | None) -> Answered:
    """An undefined, malformed, late or missing answer takes the policy's fail mode, never its result.

    An advisory policy never denies, whatever it says and whether it answers. A version that is not loaded
    is never answered open.
    """
    said = _read_result(verdict)
    if isinstance(said, _NoAnswer):
        opened = pointer.fail_mode == "open" and verdict.error != "not_loaded"
        remembered = pointer.fail_mode == "last_known" and known is not None and known.answer == "allow"
        outcome = "allow" if opened or remembered or pointer.enforcement == "advisory" else "deny"
        return Answered("", outcome, "fail_mode", said.error, [said.why], [])
    answer = "allow" if said.allow else "deny"
    outcome = "allow" if pointer.enforcement == "advisory" else answer
    return Answered(answer, outcome, "policy", "", said.reasons, said.obligations)


@dataclass(frozen=True, slots=True)
class _Said:
    allow: bool
    reasons: list[str]
    obligations: list[str]


@dataclass(frozen=True, slots=True)
class _NoAnswer:
    error: str
    why: str


def _read_result(verdict: Verdict) -> _Said | _NoAnswer:
    if verdict.error or verdict.result is None:
        return _NoAnswer(verdict.error or "undefined", verdict.detail or verdict.error)
    document = orjson.loads(verdict.result)
    if isinstance(document, bool):
        return _Said(document, [], [])
    if not isinstance(document, dict) or not isinstance(allow := document.get("allow"), bool):
        return _NoAnswer("evaluation_error", "the decision document has no boolean allow")
    violations, obligations = document.get("violations", []), document.get("obligations", [])
    if not isinstance(violations, list):
        return _NoAnswer("evaluation_error", "violations is no array")
    if not isinstance(obligations, list):
        return _NoAnswer("evaluation_error", "obligations is no array")
    return _Said(
        allow,
        [v if isinstance(v, str) else orjson.dumps(v).decode() for v in violations[:MAX_REASONS]],
        [orjson.dumps(obligation).decode() for obligation in obligations[:MAX_OBLIGATIONS]],
    )
