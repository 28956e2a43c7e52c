"""Commands as typed values: what clients send and what agents decide on.

Each model mirrors its Avro schema (a test compares field by field) and adds the bounds that Avro
cannot state. ``aggregate`` gives the second half of the Kafka key.
"""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.command import Command as Command
from schemas.command import Name as Name
from schemas.command import Text, no_nul, printable
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
from schemas.identity import MAX_NAME_CHARS, policy_id

MAX_REGO_CHARS: Final = 131_072
"""Bound of one module's source; the created event holds it and stays under 1 MiB."""

MAX_TIMEOUT_MS: Final = 10_000
"""Longest deadline a policy may ask for; it holds its lane for that long at worst."""

Enforcement = Literal["mandatory", "advisory"]
FailMode = Literal["closed", "open"]
Regulation = Literal["soc2", "iso27001", "hipaa", "iso42001", "eu_ai_act", "fedramp"]


Rego = Annotated[str, Field(min_length=1, max_length=MAX_REGO_CHARS), AfterValidator(no_nul)]
Timeout = Annotated[int, Field(ge=1, le=MAX_TIMEOUT_MS)]
Version = Annotated[int, Field(ge=1, le=1_000_000)]


class _PolicyCommand(Command):
    def subject(self, tenant: str) -> str:
        return f"policy/{self.aggregate(tenant)}"


class CreatePolicy(_PolicyCommand):
    """Creates a policy with its first version."""

    TYPE = "governance.policy.create"
    name: Name
    policy_type: Literal["opa_rego"] = "opa_rego"
    rego_content: Rego
    regulation_refs: list[Regulation] = Field(default=[], max_length=20)
    description: Text = ""
    enforcement: Enforcement = "mandatory"
    fail_mode: FailMode = "closed"
    timeout_ms: Timeout | None = None

    def aggregate(self, tenant: str) -> str:
        return policy_id(tenant, self.name)


class _ExistingPolicyCommand(_PolicyCommand):
    policy: Name

    def aggregate(self, tenant: str) -> str:
        return policy_id(tenant, self.policy)


class UpdatePolicy(_ExistingPolicyCommand):
    """Submits the next version; what is None is taken from the newest version."""

    TYPE = "governance.policy.update"
    rego_content: Rego | None = None
    regulation_refs: list[Regulation] | None = Field(default=None, max_length=20)
    description: Text | None = None
    enforcement: Enforcement | None = None
    fail_mode: FailMode | None = None
    timeout_ms: Timeout | None = None


class ActivatePolicy(_ExistingPolicyCommand):
    """Asks for a version to become the deciding one."""

    TYPE = "governance.policy.activate"
    version: Version


class RollbackPolicy(_ExistingPolicyCommand):
    """Asks for a superseded version to decide again: by default the one that decided last."""

    TYPE = "governance.policy.rollback"
    to_version: Version | None = None
    reason: Text = ""


class RetirePolicy(_ExistingPolicyCommand):
    """Takes a policy out of use."""

    TYPE = "governance.policy.retire"
    reason: Text = ""


class Confirmation(BaseModel):
    """One OPA process's word that it serves a bundle revision."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    opa: Name
    revision: int = Field(ge=0)


class ConfirmActivation(_ExistingPolicyCommand):
    """Engine-made: every OPA process of the shard serves the version."""

    TYPE = "governance.policy.confirm_activation"
    version: Version
    revision: int = Field(ge=1)
    confirmations: list[Confirmation] = Field(min_length=1, max_length=1000)


class FailActivation(_ExistingPolicyCommand):
    """Engine-made: the version was not confirmed."""

    TYPE = "governance.policy.fail_activation"
    version: Version
    reason: Text


class Evaluate(Command):
    """Asks one policy about one input (UTF-8 JSON object, bounds in :mod:`schemas.documents`)."""

    TYPE = "governance.policy.evaluate"
    policy: Name
    input: bytes
    resource: Name
    decision_point: Annotated[str, Field(max_length=MAX_NAME_CHARS), AfterValidator(printable)] = ""

    def aggregate(self, tenant: str) -> str:
        return self.resource


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
