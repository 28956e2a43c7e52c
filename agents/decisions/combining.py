"""One outcome of what several policies said: the rules of decision points.

Advisory policies are recorded and never count; a point that binds nothing else allows. Of the others:

``deny_overrides``    denies when the outcome of one is deny, else allows. Outcomes are after fail modes: a
                      policy that fails open does not stand in the way.
``all_must_allow``    allows when each answered allow by itself. A fail mode is no answer: a policy that could
                      not answer denies, also where it fails open or its last answer is known.
``first_applicable``  takes the outcome of the first whose decision is not undefined. Undefined means here,
                      and only here, that the policy does not apply; any other failure takes its fail mode
                      and ends the search. Where none applies the point denies (``not_applicable``).

A policy that decides no more (retired, or never activated) denies under every rule, whatever it was
(``not_active``): a gate is opened by binding it anew, never by what is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from agents.decisions.answering import (
    MAX_OBLIGATIONS,
    MAX_REASONS,
    Answered,
    KnownAnswer,
    Pointer,
    Verdict,
    answered,
)

Combining = Literal["deny_overrides", "all_must_allow", "first_applicable"]
COMBINING: Final[tuple[Combining, ...]] = get_args(Combining)

Effect = Literal["allow", "deny", ""]
"""What a policy adds to the combined outcome; empty where it does not count."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one policy said."""

    policy: str
    """As it was named."""
    pointer: Pointer
    verdict: Verdict
    comes_to: Answered
    known: KnownAnswer | None

    @property
    def known_decision(self) -> str:
        """The decision whose answer was taken over, or empty."""
        return self.known.decision_id if self.known and self.comes_to.basis == "fail_mode" else ""

    def body(self, effect: Effect) -> Mapping[str, object]:
        """Its Avro form (PolicyAnswer)."""
        pointer, verdict, comes_to = self.pointer, self.verdict, self.comes_to
        return {
            "policy_id": pointer.policy_id,
            "policy": self.policy,
            "version": pointer.version,
            "module_digest": pointer.module_digest,
            "answer": comes_to.answer,
            "outcome": comes_to.outcome,
            "basis": comes_to.basis,
            "error": comes_to.error,
            "reasons": comes_to.reasons,
            "obligations": comes_to.obligations,
            "result": verdict.result,
            "enforcement": pointer.enforcement,
            "fail_mode": pointer.fail_mode,
            "duration_us": verdict.duration_us,
            "opa": verdict.opa,
            "bundle_revision": verdict.revision,
            "effect": effect,
            "activation_event": pointer.activation_event,
            "known_decision": self.known_decision,
        }


@dataclass(frozen=True, slots=True)
class Combined:
    """What a decision point comes to."""

    comes_to: Answered
    leading: Said
    """The first policy that brought the outcome about; a stand-in where none did."""
    effects: tuple[Effect, ...]
    """A policy each, in the point's order."""


def said(policy: str, pointer: Pointer, verdict: Verdict | None, known: KnownAnswer | None) -> Said:
    """What a policy of a decision point said; without a verdict it decides no more."""
    if verdict is None or pointer.version is None:
        why = f"policy {policy!r} is {pointer.state}"
        nobody = Pointer(pointer.policy_id, pointer.state, None, "", "mandatory", "closed", None, 0, "")
        return Said(policy, nobody, _silence(why), _denied("not_active", why), None)
    return Said(policy, pointer, verdict, answered(pointer, verdict, known), known)


def combine(combining: Combining, parts: Sequence[Said]) -> Combined:
    """The outcome of a decision point. ``parts`` is not empty.

    Reasons and obligations are those of every policy whose effect is the outcome, each once, in order.
    """
    effects = _effects(combining, parts)
    if not any(effects):
        return _none_counted(parts, effects)
    outcome: Effect = "deny" if "deny" in effects else "allow"
    agreeing = [part for part, effect in zip(parts, effects, strict=True) if effect == outcome]
    first = agreeing[0].comes_to
    reasons = dict.fromkeys(reason for part in agreeing for reason in part.comes_to.reasons)
    obligations = dict.fromkeys(text for part in agreeing for text in part.comes_to.obligations)
    comes_to = Answered(
        first.answer,
        outcome,
        first.basis,
        first.error,
        list(reasons)[:MAX_REASONS],
        list(obligations)[:MAX_OBLIGATIONS],
    )
    return Combined(comes_to, agreeing[0], effects)


def _effects(combining: Combining, parts: Sequence[Said]) -> tuple[Effect, ...]:
    match combining:
        case "deny_overrides":
            return tuple(_counting(part, _outcome(part)) for part in parts)
        case "all_must_allow":
            return tuple(_counting(part, _answer(part)) for part in parts)
        case "first_applicable":
            deciding = next((part for part in parts if _applies(part)), None)
            return tuple(_outcome(part) if part is deciding else "" for part in parts)


def _none_counted(parts: Sequence[Said], effects: tuple[Effect, ...]) -> Combined:
    if all(part.pointer.enforcement == "advisory" for part in parts):
        leading = next((part for part in parts if part.comes_to.answer == "deny"), parts[0])
        return Combined(leading.comes_to, leading, effects)
    why = "none of the decision point's policies applies"
    nobody = Pointer("", "", None, "", "mandatory", "closed", None, 0, "")
    leading = Said("", nobody, _silence(why), _denied("not_applicable", why), None)
    return Combined(leading.comes_to, leading, effects)


def _counting(part: Said, effect: Effect) -> Effect:
    return "" if part.pointer.enforcement == "advisory" else effect


def _outcome(part: Said) -> Effect:
    return "allow" if part.comes_to.outcome == "allow" else "deny"


def _answer(part: Said) -> Effect:
    return "allow" if part.comes_to.answer == "allow" else "deny"


def _applies(part: Said) -> bool:
    return part.pointer.enforcement != "advisory" and part.comes_to.error != "undefined"


def _silence(why: str) -> Verdict:
    return Verdict(0, None, "", why, 0, "", 0)


def _denied(error: str, why: str) -> Answered:
    return Answered("", "deny", "fail_mode", error, [why], [])
