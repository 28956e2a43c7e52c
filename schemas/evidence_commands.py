"""Commands about evidence: a file in the bucket and the controls that it supports."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.command import MAX_LONG, Command, EvidenceId, Name, Sha256, Text, Timestamp, printable
from schemas.identity import MAX_NAME_CHARS

MAX_LINKS: Final = 200
"""Most controls, and most technical controls, of one evidence command; its events stay far below 1 MiB."""


class Artifact(BaseModel):
    """One version of one object in the evidence bucket; ``size`` in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    sha256: Sha256
    size: int = Field(ge=0, le=MAX_LONG)
    media_type: Name
    object_key: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(printable)]
    version_id: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(printable)]


class ControlRef(BaseModel):
    """One control of one regulation."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    regulation: Name
    control: Name


class _EvidenceCommand(Command):
    def subject(self, tenant: str) -> str:
        return f"evidence/{self.aggregate(tenant)}"


class SubmitEvidence(_EvidenceCommand):
    """Submits a file that was uploaded to :func:`schemas.identity.object_key`."""

    TYPE = "governance.evidence.submit"
    evidence_id: EvidenceId
    title: Name
    kind: Literal["manual", "automated"]
    evidence_type: Name = "document"
    description: Text = ""
    source: Annotated[str, Field(max_length=MAX_NAME_CHARS), AfterValidator(printable)] = ""
    artifact: Artifact
    collected_at: Timestamp
    effective_from: Timestamp | None = None
    effective_to: Timestamp | None = None
    valid_until: Timestamp | None = None
    controls: list[ControlRef] = Field(default=[], max_length=MAX_LINKS)
    technical_controls: list[Name] = Field(default=[], max_length=MAX_LINKS)

    def aggregate(self, tenant: str) -> str:
        return self.evidence_id


class _ExistingEvidenceCommand(_EvidenceCommand):
    evidence: EvidenceId

    def aggregate(self, tenant: str) -> str:
        return self.evidence


class LinkEvidence(_ExistingEvidenceCommand):
    """Lets evidence support more controls."""

    TYPE = "governance.evidence.link"
    controls: list[ControlRef] = Field(default=[], max_length=MAX_LINKS)
    technical_controls: list[Name] = Field(default=[], max_length=MAX_LINKS)

    @model_validator(mode="after")
    def _names_one(self) -> "LinkEvidence":
        if not self.controls and not self.technical_controls:
            raise ValueError("a link names at least one control")
        return self


class ReportArtifact(_ExistingEvidenceCommand):
    """Engine-made: what the verifier found in the bucket."""

    TYPE = "governance.evidence.report_artifact"
    outcome: Literal["verified", "quarantined"]
    reason: Literal["", "wrong_hash", "wrong_size", "missing_object", "oversize", "not_locked"]
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    size: int = Field(ge=0, le=MAX_LONG)
    locked_until: Timestamp | None

    @model_validator(mode="after")
    def _consistent(self) -> "ReportArtifact":
        verified = self.outcome == "verified"
        if verified != (self.reason == "") or verified != (self.locked_until is not None):
            raise ValueError("verified has a lock and no reason, quarantined a reason and no lock")
        return self
