"""How outcomes of commands are shown."""

from collections.abc import Mapping
from typing import Final

from client.cli.output import print_fields, print_json
from client.outcome import Accepted, Decided, Receipt, SignedReceipt, Verdict

Outcome = Accepted | Decided | Receipt | SignedReceipt

_SOURCES: Final = frozenset({"rego_content", "files", "module", "modules", "data"})
"""Fields that people know from their own files; --json has them."""


def outcome_document(outcome: Outcome) -> dict[str, object]:
    """An outcome for programs."""
    match outcome:
        case Accepted():
            lane = {"topic": outcome.topic, "partition": outcome.partition, "offset": outcome.offset}
            return {"state": "accepted", "command_id": outcome.command_id, "lane": lane}
        case Decided():
            return {"state": "decided", **_event(outcome), "body": body_document(outcome.body)}
        case Receipt():
            root = None if outcome.root is None else outcome.root.hex()
            wall = {"index": outcome.index, "tree_size": outcome.tree_size, "root": root}
            event = {**_event(outcome.decided), "body": body_document(outcome.decided.body)}
            return {"state": "audited", **event, "wall": wall}
        case SignedReceipt():
            signed = {"size": outcome.size, "root": outcome.root.hex(), "note": outcome.note.decode()}
            return {**outcome_document(outcome.receipt), "state": "checkpointed", "checkpoint": signed}


def show_outcome(outcome: Outcome, as_json: bool) -> None:
    """Prints an outcome."""
    document = outcome_document(outcome)
    if as_json:
        print_json(document)
        return
    body = document.pop("body", {})
    assert isinstance(body, Mapping)
    print_fields({**document, **{name: value for name, value in body.items() if name not in _SOURCES}})


def verdict_document(verdict: Verdict, receipt: Receipt | None) -> dict[str, object]:
    """A decision for programs."""
    document: dict[str, object] = {
        "outcome": verdict.outcome,
        "policy": verdict.policy,
        "version": verdict.version,
        "resource": verdict.resource,
        "basis": verdict.basis,
        "error": verdict.error,
        "reasons": verdict.reasons,
        "result": verdict.result,
        "enforcement": verdict.enforcement,
        "answer": verdict.answer,
        "obligations": verdict.obligations,
        "decision_point": verdict.decision_point,
        "decision_id": verdict.decision_id,
        "command_id": verdict.command_id,
        "time": verdict.decided.time if verdict.decided else None,
    }
    if receipt is not None:
        document["wall"] = outcome_document(receipt)["wall"]
    return document


def body_document(body: Mapping[str, object]) -> dict[str, object]:
    """A body for programs: bytes as text where they are text, else as hexadecimal."""
    return {name: _plain(value) for name, value in body.items()}


def _event(decided: Decided) -> dict[str, object]:
    return {
        "command_id": decided.command_id,
        "event": decided.type,
        "event_id": decided.event_id,
        "subject": decided.subject,
        "time": decided.time,
        "lane": {"topic": decided.topic, "partition": decided.partition, "sequence": decided.sequence},
    }


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    return value
