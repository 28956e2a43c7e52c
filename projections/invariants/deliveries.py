"""Invariants 1 and 2: every command has one outcome; every event is published once, in order."""

from projections.invariants.evidence import Evidence, Lane, PublishedEvent, SentCommand
from projections.invariants.report import Invariant

HELD = frozenset({"quarantined", "parked", "discarded"})
"""States in which the quarantine row is the command's one outcome."""


def commands_have_one_outcome(evidence: Evidence) -> Invariant:
    """Every acknowledged command has exactly one inbox row or one quarantine row."""
    invariant = Invariant(1, "every acknowledged command has exactly one outcome")
    for command in evidence.commands:
        topic, partition, offset = command.position
        where = f"{topic}/{partition}@{offset}"
        if offset >= evidence.next_offsets.get((topic, partition), 0):
            invariant.expect(False, f"{where} is not decided yet")
            continue
        invariant.expect(
            _outcomes(evidence, command) == 1, f"{where} has {_outcomes(evidence, command)} outcomes"
        )
    return invariant


def _outcomes(evidence: Evidence, command: SentCommand) -> int:
    held = evidence.quarantine.get(command.position) in HELD
    if command.identity is None:
        return int(command.position in evidence.quarantine)
    return int(command.identity in evidence.inbox) + int(held)


def events_are_published_in_order(evidence: Evidence) -> Invariant:
    """After the drop rule every partition shows its event rows once, in order, byte for byte."""
    invariant = Invariant(2, "every event is published; consumers see 1..n once, in order")
    for lane in sorted(evidence.events.keys() | evidence.published.keys()):
        seen = _after_drop_rule(lane, evidence.published.get(lane, []), invariant)
        stored = evidence.events.get(lane, [])
        invariant.expect(
            len(seen) == len(stored), f"{lane[0]}/{lane[1]}: {len(stored)} rows, {len(seen)} published"
        )
        for row, leaf_hash in zip(stored, seen, strict=False):
            sequence = row.happened.lane_seq
            invariant.expect(row.leaf_hash == leaf_hash, f"{lane[0]}/{lane[1]}: sequence {sequence} differs")
    return invariant


def _after_drop_rule(lane: Lane, published: list[PublishedEvent], invariant: Invariant) -> list[bytes]:
    """Leaf hashes of what a consumer keeps; a repeat must have the same bytes."""
    kept: list[bytes] = []
    for event in published:
        if event.sequence <= len(kept):
            same = kept[event.sequence - 1] == event.leaf_hash
            invariant.expect(
                same, f"{lane[0]}/{lane[1]}: sequence {event.sequence} was published with other bytes"
            )
        elif event.sequence == len(kept) + 1:
            kept.append(event.leaf_hash)
    return kept
