"""Answers about evidence."""

from typing import Literal

from pydantic import Field

from projections.api.blocks import Answer, Freshness, Moment, NextLink

EvidenceState = Literal["collected", "verified", "quarantined"]
EvidenceKind = Literal["manual", "automated"]


class Artifact(Answer):
    """The stored object that the evidence is."""

    sha256: str = Field(description="Hex, as submitted.", examples=["9f86d081884c7d659a2feaa0c55ad015" * 2])
    size: int = Field(ge=0, description="Bytes, as submitted.", examples=[18234])
    media_type: str = Field(examples=["application/pdf"])
    object_key: str = Field(description="Key in the evidence bucket.")
    version_id: str = Field(description="Version of the object; no other version is this evidence.")
    locked_until: Moment | None = Field(description="Undeletable before this time; null until locked.")


class EvidenceSummary(Answer):
    """One piece of evidence."""

    evidence_id: str = Field(examples=["0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234"])
    title: str = Field(examples=["AI policy, approved 2026"])
    kind: EvidenceKind
    evidence_type: str = Field(examples=["document"])
    description: str
    source: str = Field(description="What made it, for automated evidence.")
    state: EvidenceState
    reason: str = Field(description="Why it is quarantined, else empty.", examples=["wrong_hash"])
    artifact: Artifact
    collected_at: Moment = Field(description="Decides its age.")
    effective_from: Moment = Field(description="Start of the time that it speaks about.")
    effective_to: Moment | None = Field(description="End of that time, exclusive; null is open.")
    valid_until: Moment | None = Field(description="After it the evidence counts for nothing.")
    expired: bool = Field(description="Whether `valid_until` is past, timer or not.")
    submitted_by: str = Field(examples=["ann"])
    submitted_at: Moment
    verified_at: Moment | None
    freshness: Freshness


class ControlLink(Answer):
    """A control that the evidence supports."""

    regulation: str = Field(examples=["iso42001"])
    control_id: str = Field(examples=["A.2.2"])
    title: str | None = Field(description="From the catalogue; null where it no longer has the control.")


class TechnicalControlLink(Answer):
    """A technical control that the evidence supports, and by it every regulation that maps to it."""

    technical_control: str = Field(examples=["TC-032"])
    title: str | None


class Evidence(EvidenceSummary):
    """A piece of evidence with its links."""

    controls: list[ControlLink]
    technical_controls: list[TechnicalControlLink]


class EvidenceList(Answer):
    """A page of evidence."""

    items: list[EvidenceSummary]
    next: NextLink
