"""Evidence commands, and one piece of evidence's life."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from agents.decisions.evidence import EvidenceCommand, Linkable, decide_evidence
from agents.decisions.outcome import Outcome, Rejection
from projections.apply.evidence import EvidenceState, evolve
from projections.apply.happened import Happened
from schemas.codec import decode, encode
from schemas.identity import object_key
from schemas.models import Artifact, ControlRef, LinkEvidence, ReportArtifact, SubmitEvidence
from tests.agents.commands import TENANT, TIME
from tests.agents.decisions.events import START

ONE: Final = "0196f0a2-0000-7000-8000-000000000001"
TWO: Final = "0196f0a2-0000-7000-8000-000000000002"
"""In the lane of ``ONE``, for the tenant of the tests."""
CONTENT: Final = b"the minutes of the review"
HASH: Final = sha256(CONTENT).hexdigest()
LOCK: Final = "2032-01-01T00:00:00.000000Z"
LINKABLE: Final = Linkable(
    {"iso42001": frozenset({"4.1", "4.2", "A.2.2"}), "soc2": frozenset({"CC1.1"})},
    frozenset({"TC-001", "TC-010"}),
)
MAX_BYTES: Final = 1000


def submit(evidence_id: str = ONE, tenant: str = TENANT, **fields: object) -> SubmitEvidence:
    """Submits the minutes; ``fields`` replace those of the command."""
    given = {
        "evidence_id": evidence_id,
        "title": "Minutes of the review",
        "kind": "manual",
        "artifact": artifact(evidence_id, tenant),
        "collected_at": TIME,
        **fields,
    }
    return SubmitEvidence.model_validate(given)


def artifact(evidence_id: str = ONE, tenant: str = TENANT, **fields: object) -> Artifact:
    """The minutes in the bucket."""
    given = {
        "sha256": HASH,
        "size": len(CONTENT),
        "media_type": "text/plain",
        "object_key": object_key(tenant, evidence_id, HASH),
        "version_id": "v1",
        **fields,
    }
    return Artifact.model_validate(given)


def refs(*pairs: tuple[str, str]) -> list[ControlRef]:
    """Controls by regulation and id."""
    return [ControlRef(regulation=regulation, control=control) for regulation, control in pairs]


def link(*pairs: tuple[str, str], technical: list[str] | None = None, evidence_id: str = ONE) -> LinkEvidence:
    """Adds links."""
    return LinkEvidence(evidence=evidence_id, controls=refs(*pairs), technical_controls=technical or [])


def verified(evidence_id: str = ONE) -> ReportArtifact:
    """The verifier found what was submitted."""
    return ReportArtifact(
        evidence=evidence_id,
        outcome="verified",
        reason="",
        sha256=HASH,
        size=len(CONTENT),
        locked_until=LOCK,
    )


def quarantined(evidence_id: str = ONE) -> ReportArtifact:
    """The verifier found something else."""
    return ReportArtifact(
        evidence=evidence_id,
        outcome="quarantined",
        reason="wrong_hash",
        sha256="ab" * 32,
        size=len(CONTENT),
        locked_until=None,
    )


@dataclass(slots=True)
class Life:
    """One piece of evidence: commands in, events and state out."""

    state: EvidenceState | None = None
    events: list[Happened] = field(default_factory=list)

    def decide(self, command: EvidenceCommand, tenant: str = TENANT) -> Outcome:
        """The outcome; the state stays as it is."""
        return decide_evidence(self.state, tenant, command, LINKABLE, MAX_BYTES)

    def reason(self, command: EvidenceCommand, tenant: str = TENANT) -> str:
        """The reason code of a command that must be rejected."""
        outcome = self.decide(command, tenant)
        assert isinstance(outcome, Rejection), outcome
        return outcome.reason

    def take(self, *commands: EvidenceCommand) -> EvidenceState:
        """Lets commands happen that must be accepted; their events pass through their encoding."""
        for command in commands:
            outcome = self.decide(command)
            assert not isinstance(outcome, Rejection), outcome
            (draft,) = outcome
            assert draft.resource == f"evidence/{command.aggregate(TENANT)}"
            number = len(self.events) + 1
            self.events.append(
                Happened(
                    event_id=f"event-{number}",
                    type=draft.type,
                    tenant=TENANT,
                    actor=f"actor-{number}",
                    resource=draft.resource,
                    command_id=f"command-{number}",
                    causation=f"command-{number}",
                    occurred_at=START,
                    topic="governance.evidence.events.v1",
                    partition=3,
                    lane_seq=number,
                    body=decode(draft.type, encode(draft.type, draft.body)),
                )
            )
            self.state = evolve(self.state, self.events[-1])
        assert self.state is not None
        return self.state
