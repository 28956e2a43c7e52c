"""What the engine's own reading and deciding make of a step of the demo's plan, without servers."""

from datetime import UTC, datetime

from agents.decisions.answering import Pointer, Verdict
from agents.decisions.evaluation import Gate, decide_evaluation
from agents.decisions.outcome import Finding, Rejection
from agents.decisions.policy import decide_policy
from agents.decisions.submission import CheckedModule
from agents.reading import Reader, Reading, Received, Refused, Unread
from agents.records import CommandRecord
from agents.tenant_settings import TenantSettings
from devstack.demo.gates import GATES
from devstack.demo.malformed import Case, Outcome
from devstack.demo.records import Ask, Record, Run, asked
from devstack.demo.scenario import Step
from projections.apply.policy import PolicyState, VersionState
from schemas.identity import policy_id
from schemas.models import ActivatePolicy, CreatePolicy, Evaluate, UpdatePolicy
from schemas.topics import topics

RUN = Run("0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234", "2026-05-04T09:30:00.125000Z")
ENGINE_KEY = bytes(range(32))
NOW = datetime(2026, 5, 4, tzinfo=UTC)

Answer = tuple[Outcome, str]


def answer(step: Step) -> Answer:
    """What the engine's own reading and deciding make of one step, as if its original were just decided."""
    if isinstance(step, Ask):
        return judged(read(asked(step, RUN)), None)
    original = read(asked(step.ask, RUN))
    return judged(read(step.kind.make(Case(step.number, step.ask, RUN))), original)


def read(record: Record) -> Reading:
    reader = Reader(topics(), ENGINE_KEY)
    return reader.read(
        CommandRecord(record.topic, record.partition, 0, record.key, record.headers, record.value)
    )


def judged(reading: Reading, original: Reading | None) -> Answer:
    if isinstance(reading, Unread):
        return Outcome.QUARANTINED, reading.reason
    if isinstance(original, Received) and reading.key == original.key:
        same = reading.digest == original.digest
        return (Outcome.REPEATED, "") if same else (Outcome.REJECTED, "id_reused")
    if isinstance(reading, Refused):
        return Outcome.REJECTED, reading.reason
    assert isinstance(reading, Received)
    state = active_policy(reading.envelope.tenant, reading.command.aggregate(reading.envelope.tenant))
    if (expected := reading.envelope.expected_version) is not None and expected != (state and state.version):
        return Outcome.REJECTED, "stale_version"
    command = reading.command
    if isinstance(command, Evaluate):
        known = active_policy(reading.envelope.tenant, policy_id(reading.envelope.tenant, command.policy))
        decided = decide_evaluation(command, GATE if known else None, [ALLOWED], "d-1", [None])
    else:
        assert isinstance(command, CreatePolicy | UpdatePolicy | ActivatePolicy)
        aggregate = command.aggregate(reading.envelope.tenant)
        decided = decide_policy(
            state, aggregate, command, FOUND_FAULT, reading.envelope.actor, TenantSettings()
        )
    return (Outcome.REJECTED, decided.reason) if isinstance(decided, Rejection) else (Outcome.DECIDED, "")


def active_policy(tenant: str, aggregate: str) -> PolicyState | None:
    """The state of one of the demo's policies after setting up: created, requested, activated."""
    gate = next((gate for gate in GATES if policy_id(tenant, gate.name) == aggregate), None)
    if gate is None:
        return None
    version = VersionState(
        1, "active", gate.source, "p", "m", "d", (), gate.about, "mandatory", "closed", None, (), "a", NOW
    )
    return PolicyState(
        tenant,
        aggregate,
        gate.name,
        "opa_rego",
        "active",
        1,
        3,
        "e-1",
        NOW,
        NOW,
        "e-1",
        "t",
        0,
        3,
        (version,),
    )


GATE = Gate(("p",), (Pointer("p", "active", 1, "", "mandatory", "closed", None, 1, "e-1"),))
ALLOWED = Verdict(1, b'{"allow":true,"violations":[]}', "", "", 1, "opa-0", 1)
# Stands in for the check of sources, which has a test of its own with the real program.
FOUND_FAULT = CheckedModule(1, (Finding("policy.rego", 1, 1, "rule", "fault"),), "", "", "", ())
