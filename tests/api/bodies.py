"""Bodies of events as the agents fill them in."""

from collections.abc import Sequence
from hashlib import sha256

from schemas.codec import Body

REGO = "package aumos.governance.model_promotion\n\ndefault allow = false\n"

REPORT: dict[str, object] = {
    "decisions": 100,
    "same": 91,
    "other_reasons": 0,
    "left_out": 0,
    "unanswered": 0,
    "flips": [{"before": "allow", "after": "deny", "count": 9}],
    "resources": [{"resource": "model/m-17", "flips": 9}],
    "samples": [],
    "deterministic": True,
    "repeated": 100,
    "reproduced": 100,
    "not_reproduced": 0,
    "differing": [],
    "duration_ms": 12,
}


def created(identity: str, name: str) -> Body:
    """A policy with its version 1."""
    return {
        "policy_id": identity,
        "name": name,
        "version": 1,
        "policy_type": "opa_rego",
        "rego_content": REGO,
        "package": "aumos.governance.model_promotion",
        "module": REGO,
        "module_digest": sha256(REGO.encode()).hexdigest(),
        "regulation_refs": ["iso42001"],
        "description": "",
        "enforcement": "mandatory",
        "fail_mode": "closed",
        "timeout_ms": None,
        "warnings": [],
    }


def evaluated(decision: str, policy: tuple[str, str], resource: str, outcome: str, document: bytes) -> Body:
    """``policy`` is its id and name."""
    return {
        "decision_id": decision,
        "policy_id": policy[0],
        "policy": policy[1],
        "version": 1,
        "module_digest": sha256(REGO.encode()).hexdigest(),
        "resource": resource,
        "decision_point": "registry.promote",
        "outcome": outcome,
        "basis": "policy",
        "error": "",
        "reasons": [] if outcome == "allow" else ["the model card is missing"],
        "result": b'{"allow": %s, "score": 1.50}' % (b"true" if outcome == "allow" else b"false"),
        "input": document,
        "input_digest": sha256(document).hexdigest(),
        "enforcement": "mandatory",
        "fail_mode": "closed",
        "duration_us": 812,
        "opa": "opa-0",
        "bundle_revision": 4,
    }


PARTS = (
    "answer",
    "outcome",
    "basis",
    "error",
    "reasons",
    "result",
    "enforcement",
    "fail_mode",
    "duration_us",
    "module_digest",
    "version",
    "opa",
    "bundle_revision",
)
"""What a decision and each part of one say in the same words."""


def combined(
    decision: str, lead: tuple[str, str], point: str, policies: Sequence[tuple[str, str]]
) -> dict[str, object]:
    """A denial of a decision point by all of its policies, each given by its id and name."""
    body = {**evaluated(decision, lead, "model/m-17", "deny", b"{}"), "answer": "deny"}
    said = {name: body[name] for name in PARTS}
    more = {"obligations": [b'{"log": 1.50}'.decode()], "effect": "deny", "activation_event": "a-1"}
    parts = [
        {**said, **more, "policy_id": policy_id, "policy": name, "known_decision": ""}
        for policy_id, name in policies
    ]
    about = {"decision_point": point, "combining": "deny_overrides", "binding": "b-1"}
    return {**body, **about, "parts": parts}
