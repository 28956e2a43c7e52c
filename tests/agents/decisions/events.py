"""Policy events as the folds see them, made by the decisions themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agents.decisions.outcome import Finding, Outcome, Rejection
from agents.decisions.policy import PolicyCommand, decide_policy, source_of
from agents.decisions.submission import CheckedModule, Submission
from agents.tenant_settings import NO_TENANT_SETTINGS, TenantSettings
from projections.apply.happened import Happened
from projections.apply.policy import PolicyState, evolve
from schemas.codec import decode, encode
from tests.agents.commands import TENANT

START = datetime(2026, 1, 2, tzinfo=UTC)
WARNING = Finding("policy.rego", 2, 1, "style", "not nice", "be nice")
REPORT: Mapping[str, object] = {"tests": 2, "coverage": 75.0, "inputs": 9, "slowest_us": 120}


def checked(submission: Submission, findings: Sequence[Finding] = ()) -> CheckedModule:
    """What a submission check made of a source."""
    version = submission.version
    return CheckedModule(
        version=version,
        findings=tuple(findings),
        module=f"# {version}\n{submission.rego_content}",
        package="p",
        module_digest=f"{version:064x}",
        warnings=(WARNING,),
        modules=tuple((path, f"# moved\n{text}") for path, text in submission.files),
        data='{"data":{}}',
        report=REPORT,
    )


@dataclass(slots=True)
class History:
    """One policy's life: commands in, events and state out."""

    name: str = "gate"
    state: PolicyState | None = None
    events: list[Happened] = field(default_factory=list)
    hours: int = 0
    actor: str = "somebody"
    """Who sends the commands; every event is recorded under an actor of its own, ``actor-<sequence>``."""
    settings: TenantSettings = NO_TENANT_SETTINGS.default

    def decide(self, command: PolicyCommand, findings: Sequence[Finding] = ()) -> Outcome:
        """The outcome; the state stays as it is."""
        source = source_of(self.state, command)
        module = checked(source, findings) if source else None
        aggregate = command.aggregate(TENANT)
        return decide_policy(self.state, aggregate, command, module, self.actor, self.settings)

    def take(self, *commands: PolicyCommand) -> PolicyState:
        """Lets commands happen that must be accepted; their events pass through their encoding."""
        for command in commands:
            outcome = self.decide(command)
            assert not isinstance(outcome, Rejection), outcome
            for draft in outcome:
                self.hours += 1
                body = decode(draft.type, encode(draft.type, draft.body))
                self.events.append(happened(draft.type, len(self.events) + 1, body, self.hours))
                self.state = evolve(self.state, self.events[-1])
        assert self.state is not None
        return self.state

    def reason(self, command: PolicyCommand, findings: Sequence[Finding] = ()) -> str:
        """The reason code of a command that must be rejected."""
        outcome = self.decide(command, findings)
        assert isinstance(outcome, Rejection), outcome
        return outcome.reason


def happened(type_: str, sequence: int, body: object, hours: int = 0) -> Happened:
    """An event of one policy's lane."""
    assert isinstance(body, dict)
    return Happened(
        event_id=f"event-{sequence}",
        type=type_,
        tenant=TENANT,
        actor=f"actor-{sequence}",
        resource=f"policy/{body['policy_id']}",
        command_id=f"command-{sequence}",
        causation=f"command-{sequence}",
        occurred_at=START + timedelta(hours=hours),
        topic="governance.policy.events.v1",
        partition=2,
        lane_seq=sequence,
        body=body,
    )
