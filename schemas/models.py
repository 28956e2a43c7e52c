"""Commands as typed values: what clients send and what agents decide on.

Each model mirrors its Avro schema (a test compares field by field) and adds the bounds that Avro
cannot state. ``aggregate`` gives the second half of the Kafka key.
"""

from typing import Final

from pydantic import Field

from schemas.command import Command as Command
from schemas.command import Name as Name
from schemas.command import Text
from schemas.compliance_commands import AdvanceWorkflow as AdvanceWorkflow
from schemas.compliance_commands import AssignControls as AssignControls
from schemas.compliance_commands import CancelWorkflow as CancelWorkflow
from schemas.compliance_commands import CreateWorkflow as CreateWorkflow
from schemas.compliance_commands import DecideApplicability as DecideApplicability
from schemas.compliance_commands import FireTimer as FireTimer
from schemas.evidence_commands import Artifact as Artifact
from schemas.evidence_commands import ControlRef as ControlRef
from schemas.evidence_commands import LinkEvidence as LinkEvidence
from schemas.evidence_commands import ReportArtifact as ReportArtifact
from schemas.evidence_commands import SubmitEvidence as SubmitEvidence
from schemas.policy_commands import MAX_REGO_CHARS as MAX_REGO_CHARS
from schemas.policy_commands import MAX_TIMEOUT_MS as MAX_TIMEOUT_MS
from schemas.policy_commands import ActivatePolicy as ActivatePolicy
from schemas.policy_commands import ConfirmActivation as ConfirmActivation
from schemas.policy_commands import Confirmation as Confirmation
from schemas.policy_commands import CreatePolicy as CreatePolicy
from schemas.policy_commands import Enforcement as Enforcement
from schemas.policy_commands import Evaluate as Evaluate
from schemas.policy_commands import FailActivation as FailActivation
from schemas.policy_commands import FailMode as FailMode
from schemas.policy_commands import InputStorage as InputStorage
from schemas.policy_commands import PolicyFile as PolicyFile
from schemas.policy_commands import Regulation as Regulation
from schemas.policy_commands import ReplayGate as ReplayGate
from schemas.policy_commands import RetirePolicy as RetirePolicy
from schemas.policy_commands import RollbackPolicy as RollbackPolicy
from schemas.policy_commands import SuspendPolicy as SuspendPolicy
from schemas.policy_commands import SuspensionCause as SuspensionCause
from schemas.policy_commands import UpdatePolicy as UpdatePolicy


class LaneCommand(Command):
    """A command about a lane itself; it goes to the partition that it names."""

    topic: Name
    partition: int = Field(ge=0)

    def aggregate(self, tenant: str) -> str:
        return f"{self.topic}/{self.partition}"

    def subject(self, tenant: str) -> str:
        return f"lane/{self.aggregate(tenant)}"


class RepublishLane(LaneCommand):
    """Publishes a lane's events from a sequence to its head once more."""

    TYPE = "governance.lane.republish"
    from_sequence: int = Field(ge=1)


class RetryQuarantined(LaneCommand):
    """Processes a quarantined command, then what is parked behind it."""

    TYPE = "governance.quarantine.retry"
    offset: int = Field(ge=0)
    reason: Text = ""


class DiscardQuarantined(LaneCommand):
    """Gives a quarantined command up; what is parked behind it is processed."""

    TYPE = "governance.quarantine.discard"
    offset: int = Field(ge=0)
    reason: Text = ""


COMMANDS: Final[dict[str, type[Command]]] = {
    model.TYPE: model
    for model in (
        CreatePolicy,
        UpdatePolicy,
        ActivatePolicy,
        RollbackPolicy,
        SuspendPolicy,
        RetirePolicy,
        ConfirmActivation,
        FailActivation,
        Evaluate,
        CreateWorkflow,
        AssignControls,
        DecideApplicability,
        AdvanceWorkflow,
        CancelWorkflow,
        FireTimer,
        SubmitEvidence,
        LinkEvidence,
        ReportArtifact,
        RepublishLane,
        RetryQuarantined,
        DiscardQuarantined,
    )
}
