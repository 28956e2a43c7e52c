"""Submitted evidence with its links and counters, as the checks compare them: replayed, and as stored."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from projections.apply.evidence import (
    EVIDENCE_EVENTS,
    CounterKey,
    EvidenceKey,
    EvidenceState,
    counted,
    evolve,
)
from projections.apply.happened import Happened
from projections.invariants.report import Invariant

Documents = Mapping[EvidenceKey, Mapping[str, object]]


def evidence_versions(events: Iterable[Happened], stored: Documents, invariant: Invariant) -> None:
    """Per piece of evidence, the version is the number of its events."""
    counts = Counter(_key(event) for event in _of_evidence(events))
    for key, count in counts.items():
        row = stored.get(key)
        invariant.expect(row is not None and row.get("version") == count, f"evidence {key}: {count} events")


def evidence_equals_a_replay(
    events: Iterable[Happened], stored: Documents, counters: Mapping[CounterKey, int], invariant: Invariant
) -> None:
    """Folding the events gives exactly the rows of evidence and links, and these give the counters."""
    replayed: dict[EvidenceKey, EvidenceState] = {}
    for event in _of_evidence(events):
        replayed[_key(event)] = evolve(replayed.get(_key(event)), event)
    for key in replayed.keys() | stored.keys():
        expected = asdict(replayed[key]) if key in replayed else None
        invariant.expect(expected == stored.get(key), f"evidence {key} differs")
    totals = Counter(counter for state in replayed.values() for counter in counted(state))
    for name in totals.keys() | counters.keys():
        found = counters.get(name, 0)
        invariant.expect(totals[name] == found, f"counter {name}: {found}, not {totals[name]}")


def _of_evidence(events: Iterable[Happened]) -> Iterable[Happened]:
    return (event for event in events if event.type in EVIDENCE_EVENTS)


def _key(event: Happened) -> EvidenceKey:
    return event.tenant, str(event.body["evidence_id"])
