"""Commands about the audit log itself: erasure, legal hold, retention.

All of a tenant's go through one lane, in order. None of them names a person in key or ``ce_subject``.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from schemas.command import MAX_LONG, Command, EventId, Name, Sha256, Text, moment


def _moment_or_none(text: str) -> str:
    return moment(text) if text else text


OptionalTimestamp = Annotated[str, Field(max_length=64), AfterValidator(_moment_or_none)]


class AuditCommand(Command):
    """Root of these commands."""

    def aggregate(self, tenant: str) -> str:
        return "audit"

    def subject(self, tenant: str) -> str:
        return f"audit/{self.TYPE.rpartition('.')[2]}"


class EraseSubject(AuditCommand):
    """Proposes to destroy the key under which a person's fields are encrypted."""

    TYPE = "governance.audit.erase"
    person: Text = Field(min_length=1)
    authority: Name
    reason: Text


class ApproveErasure(AuditCommand):
    """Destroys the key; needs another actor than the one who proposed it."""

    TYPE = "governance.audit.approve_erasure"
    request: EventId


class HoldEntries(AuditCommand):
    """Places a legal hold: entries under it are not pruned."""

    TYPE = "governance.audit.hold"
    hold: Name
    resource: str = Field("", max_length=200)
    """Empty: everything of the tenant."""
    not_before: OptionalTimestamp = ""
    before: OptionalTimestamp = ""
    authority: Name
    reason: Text


class ReleaseHold(AuditCommand):
    """Releases a legal hold; needs another actor than the one who placed it."""

    TYPE = "governance.audit.release_hold"
    hold: Name
    authority: Name
    reason: Text


class PruneEntries(AuditCommand):
    """Operator: proposes to prune a range of the log, given by leaf indexes, whose retention has ended."""

    TYPE = "governance.audit.prune"
    first_index: int = Field(ge=0, le=MAX_LONG)
    end_index: int = Field(ge=1, le=MAX_LONG)
    root: Sha256
    export_digest: Sha256
    authority: Name
    reason: Text

    @model_validator(mode="after")
    def _is_a_range(self) -> "PruneEntries":
        if self.first_index >= self.end_index:
            raise ValueError("the range is empty")
        return self


class ApprovePruning(AuditCommand):
    """Operator: approves a pruning; needs another actor than the one who proposed it."""

    TYPE = "governance.audit.approve_pruning"
    request: EventId
