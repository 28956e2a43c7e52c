"""Evidence: nothing has to be found out ahead; files are looked at outside the lanes."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.decisions.evidence import EvidenceCommand, Linkable, decide_evidence
from agents.decisions.outcome import Outcome
from agents.lanes.handlers.port import Advice, Session
from agents.lanes.ports import Changes, EventRow, LaneTransaction
from agents.reading import Received
from projections.apply.evidence import EvidenceKey, EvidenceState, evolve, moved_counters
from regulations.loader import Library
from schemas.models import LinkEvidence, ReportArtifact, SubmitEvidence


@dataclass(frozen=True, slots=True)
class EvidenceHandler:
    """Handler and advice in one: everything it needs is here or under the lock."""

    linkable: Linkable
    max_bytes: int
    """Bound of an artifact."""

    async def prepare(self, commands: Sequence[Received]) -> Advice:
        return self

    async def open(self, transaction: LaneTransaction, commands: Sequence[Received]) -> Session:
        states = await transaction.evidence({_key(received) for received in commands})
        return EvidenceSession(dict(states), self.linkable, self.max_bytes)


class EvidenceSession:
    """States as they move through one transaction."""

    def __init__(self, states: dict[EvidenceKey, EvidenceState], linkable: Linkable, max_bytes: int) -> None:
        self._stored = dict(states)
        self._states = states
        self._linkable = linkable
        self._max_bytes = max_bytes
        self._moved: set[EvidenceKey] = set()

    async def decide(self, received: Received, event_id: str) -> Outcome:
        key = _key(received)
        state = self._states.get(key)
        return decide_evidence(state, key[0], _command(received), self._linkable, self._max_bytes)

    def version(self, received: Received) -> int:
        state = self._states.get(_key(received))
        return state.version if state else 0

    def accept(self, received: Received, events: Sequence[EventRow]) -> None:
        key = _key(received)
        for event in events:
            self._states[key] = evolve(self._states.get(key), event.happened)
        self._moved.add(key)

    def collect(self, changes: Changes) -> None:
        for key in sorted(self._moved):
            add_evidence(self._stored.get(key), self._states[key], changes)


def add_evidence(before: EvidenceState | None, after: EvidenceState, changes: Changes) -> None:
    """Adds a piece of evidence that moved from ``before``, with its new links and the counters it moves."""
    key = after.tenant_id, after.evidence_id
    changes.evidence.append(after)
    linked = before.controls if before else ()
    changes.evidence_controls.extend((key, link) for link in after.controls if link not in linked)
    known = before.technical_controls if before else ()
    changes.evidence_technical_controls.extend(
        (key, name) for name in after.technical_controls if name not in known
    )
    for counter, by in moved_counters(before, after).items():
        changes.counters[counter] = changes.counters.get(counter, 0) + by


def linkable_of(library: Library) -> Linkable:
    """Everything that the regulations and the hub of this checkout hold."""
    return Linkable(
        {
            code: frozenset(control.id for control in regulation.controls)
            for code, regulation in library.regulations.items()
        },
        frozenset(library.hub),
    )


def _command(received: Received) -> EvidenceCommand:
    command = received.command
    if not isinstance(command, SubmitEvidence | LinkEvidence | ReportArtifact):
        raise TypeError(f"{received.envelope.type} is no evidence command")
    return command


def _key(received: Received) -> EvidenceKey:
    tenant = received.envelope.tenant
    return tenant, received.command.aggregate(tenant)
