"""Commands as typed values: what clients send and what agents decide on.

Each model mirrors its Avro schema (a test compares field by field) and adds the bounds that Avro
cannot state. ``aggregate`` gives the second half of the Kafka key.
"""

from typing import Final

from schemas.audit_commands import ApproveErasure as ApproveErasure
from schemas.audit_commands import ApprovePruning as ApprovePruning
from schemas.audit_commands import AuditCommand as AuditCommand
from schemas.audit_commands import EraseSubject as EraseSubject
from schemas.audit_commands import HoldEntries as HoldEntries
from schemas.audit_commands import PruneEntries as PruneEntries
from schemas.audit_commands import ReleaseHold as ReleaseHold
from schemas.command import Command as Command
from schemas.command import Name as Name
from schemas.compliance_commands import AdvanceWorkflow as AdvanceWorkflow
from schemas.compliance_commands import AssignControls as AssignControls
from schemas.compliance_commands import CancelWorkflow as CancelWorkflow
from schemas.compliance_commands import CreateWorkflow as CreateWorkflow
from schemas.compliance_commands import DecideApplicability as DecideApplicability
from schemas.compliance_commands import FireTimer as FireTimer
from schemas.decision_commands import BindDecisionPoint as BindDecisionPoint
from schemas.decision_commands import Evaluate as Evaluate
from schemas.decision_commands import OverrideDecision as OverrideDecision
from schemas.decision_commands import UnbindDecisionPoint as UnbindDecisionPoint
from schemas.evidence_commands import Artifact as Artifact
from schemas.evidence_commands import ControlRef as ControlRef
from schemas.evidence_commands import LinkEvidence as LinkEvidence
from schemas.evidence_commands import ReportArtifact as ReportArtifact
from schemas.evidence_commands import SubmitEvidence as SubmitEvidence
from schemas.lane_commands import ApproveCorrection as ApproveCorrection
from schemas.lane_commands import CorrectEvent as CorrectEvent
from schemas.lane_commands import DiscardQuarantined as DiscardQuarantined
from schemas.lane_commands import LaneAddressed as LaneAddressed
from schemas.lane_commands import LaneCommand as LaneCommand
from schemas.lane_commands import RepublishLane as RepublishLane
from schemas.lane_commands import RetryQuarantined as RetryQuarantined
from schemas.policy_commands import MAX_REGO_CHARS as MAX_REGO_CHARS
from schemas.policy_commands import MAX_TIMEOUT_MS as MAX_TIMEOUT_MS
from schemas.policy_commands import ActivatePolicy as ActivatePolicy
from schemas.policy_commands import ConfirmActivation as ConfirmActivation
from schemas.policy_commands import Confirmation as Confirmation
from schemas.policy_commands import CreatePolicy as CreatePolicy
from schemas.policy_commands import Enforcement as Enforcement
from schemas.policy_commands import FailActivation as FailActivation
from schemas.policy_commands import FailMode as FailMode
from schemas.policy_commands import InputStorage as InputStorage
from schemas.policy_commands import PolicyFile as PolicyFile
from schemas.policy_commands import Regulation as Regulation
from schemas.policy_commands import ReplayGate as ReplayGate
from schemas.policy_commands import ReportReplay as ReportReplay
from schemas.policy_commands import RetirePolicy as RetirePolicy
from schemas.policy_commands import RollbackPolicy as RollbackPolicy
from schemas.policy_commands import ShadowPolicy as ShadowPolicy
from schemas.policy_commands import SuspendPolicy as SuspendPolicy
from schemas.policy_commands import SuspensionCause as SuspensionCause
from schemas.policy_commands import UnshadowCause as UnshadowCause
from schemas.policy_commands import UnshadowPolicy as UnshadowPolicy
from schemas.policy_commands import UpdatePolicy as UpdatePolicy
from schemas.replay_report import FlipCount as FlipCount
from schemas.replay_report import ReplayDifference as ReplayDifference
from schemas.replay_report import ReplayReport as ReplayReport
from schemas.replay_report import ResourceFlips as ResourceFlips

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
        BindDecisionPoint,
        UnbindDecisionPoint,
        ReportReplay,
        ShadowPolicy,
        UnshadowPolicy,
        Evaluate,
        OverrideDecision,
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
        CorrectEvent,
        ApproveCorrection,
        EraseSubject,
        ApproveErasure,
        HoldEntries,
        ReleaseHold,
        PruneEntries,
        ApprovePruning,
    )
}
