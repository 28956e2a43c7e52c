"""What comes of a command: accepted by the broker, decided by the engine, recorded in the wall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from client.errors import Finding, Quarantined, Refused, Rejected, UnknownPolicy
from schemas.codec import Body

Until = Literal["accepted", "decided", "audited", "checkpointed"]

EVALUATED: Final = "governance.policy.evaluated"
_UNKNOWN_POLICY: Final = frozenset({"unknown_policy", "policy_not_active", "no_policy"})


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker has the command, on every replica that it waits for."""

    command_id: str
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Decided:
    """The first event that answers the command. Its place in the history is (topic, partition, sequence)."""

    command_id: str
    event_id: str
    type: str
    subject: str
    time: str
    topic: str
    partition: int
    sequence: int
    body: Body


@dataclass(frozen=True, slots=True)
class Receipt:
    """The Audit Wall holds the event at ``index``.

    ``root`` is the tree's root over ``tree_size`` entries; both are None where the receipt itself was
    missed and the read API told the index.
    """

    decided: Decided
    index: int
    tree_size: int | None
    root: bytes | None


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """The notary signed a tree that holds the event; ``note`` is the checkpoint, a C2SP signed note.

    Nothing is verified here: ``governance audit verify`` does, with the log's public key.
    """

    receipt: Receipt
    size: int
    root: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision. ``fallback`` marks one that the caller's own fallback gave, not the engine."""

    outcome: Literal["allow", "deny"]
    policy: str
    resource: str
    version: int | None
    basis: str
    """``policy``, ``fail_mode`` or ``fallback``."""
    error: str
    reasons: tuple[str, ...]
    result: object
    """The policy's result document, decoded from JSON."""
    enforcement: str
    decision_id: str
    command_id: str
    decided: Decided | None
    answer: str = ""
    """The policy's own ``allow`` or ``deny``, before enforcement; empty when it did not answer."""
    obligations: tuple[object, ...] = ()
    """What the caller must do besides, decoded from JSON."""
    decision_point: str = ""
    """The gate that asked, or the decision point that was asked."""

    @property
    def allowed(self) -> bool:
        """Whether the outcome is allow; an advisory policy's always is."""
        return self.outcome == "allow"

    @property
    def denied(self) -> bool:
        """Whether the outcome is deny."""
        return self.outcome == "deny"

    @property
    def advised_against(self) -> bool:
        """Whether an advisory policy says deny: it holds nothing up, the caller may still listen."""
        return self.enforcement == "advisory" and self.answer == "deny"

    @property
    def blocks(self) -> bool:
        """Whether it forbids. Decisions of before advisory denies allowed had the outcome deny."""
        return self.denied and self.enforcement != "advisory"

    @property
    def fallback(self) -> bool:
        """Whether this is the caller's fallback."""
        return self.basis == "fallback"


def verdict_of(decided: Decided) -> Verdict:
    """The decision of a ``governance.policy.evaluated`` event."""
    body = decided.body
    outcome: Literal["allow", "deny"] = "allow" if body["outcome"] == "allow" else "deny"
    version, result = body["version"], body["result"]
    return Verdict(
        outcome=outcome,
        policy=str(body["policy"]),
        resource=str(body["resource"]),
        version=version if isinstance(version, int) else None,
        basis=str(body["basis"]),
        error=str(body["error"]),
        reasons=_texts(body["reasons"]),
        result=orjson.loads(result) if isinstance(result, bytes) else result,
        enforcement=str(body["enforcement"]),
        decision_id=str(body["decision_id"]),
        command_id=decided.command_id,
        decided=decided,
        answer=str(body.get("answer", "")),
        obligations=tuple(orjson.loads(text) for text in _texts(body.get("obligations", ()))),
        decision_point=str(body.get("decision_point", "")),
    )


def fallback_verdict(
    outcome: Literal["allow", "deny"], policy: str, resource: str, command_id: str, error: str
) -> Verdict:
    """The caller's own answer when the engine gave none; it binds, so its enforcement is mandatory."""
    return Verdict(
        outcome=outcome,
        policy=policy,
        resource=resource,
        version=None,
        basis="fallback",
        error=error,
        reasons=(f"no decision: {error}",),
        result=None,
        enforcement="mandatory",
        decision_id="",
        command_id=command_id,
        decided=None,
    )


def refusal_of(decided: Decided, policy: str = "") -> Refused | None:
    """The error of an event that says no, else None. ``policy`` is the name that the caller used."""
    body, ids = decided.body, (decided.command_id, decided.event_id)
    if decided.type == EVALUATED and body["error"] in _UNKNOWN_POLICY:
        return UnknownPolicy(str(body["policy"]), *ids)
    if decided.type.endswith(".command_rejected"):
        if body["reason"] in _UNKNOWN_POLICY:
            return UnknownPolicy(policy, *ids)
        return Rejected(str(body["reason"]), str(body["detail"]), _findings(body["findings"]), *ids)
    if decided.type.endswith(".command_quarantined"):
        return Quarantined(str(body["reason"]), str(body["detail"]), *ids)
    return None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, Sequence) else ()


def _findings(value: object) -> tuple[Finding, ...]:
    records = value if isinstance(value, Sequence) else ()
    return tuple(
        Finding(**{str(k): v for k, v in record.items()}) for record in records if isinstance(record, Mapping)
    )
