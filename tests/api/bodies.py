"""Bodies of events as the agents fill them in."""

from hashlib import sha256

from schemas.codec import Body

REGO = "package aumos.governance.model_promotion\n\ndefault allow = false\n"


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
