"""Query parameters of the paths about the audit wall; the audit sink answers them."""

from typing import Annotated, Literal

from pydantic import Field

from projections.api.filters import Absent, Moment, NoParameters, Paged, Text, as_text

TreeSize = Annotated[int, Field(ge=1, le=2**63 - 1)]


class _AuditFields(NoParameters):
    from_: Moment | Absent = Field(default=None, alias="from", description="Not before this time.")
    to: Moment | Absent = Field(default=None, description="Before this time.")
    type: Text | Absent = Field(
        default=None, description="Type of the event.", examples=["governance.policy.evaluated"]
    )
    resource: Text | Absent = Field(default=None, description="Its subject.", examples=["model/m-17"])
    actor: Text | Absent = Field(default=None, description="Who caused it.", examples=["svc-mlops"])
    event_id: Text | Absent = Field(default=None, description="Its id.")
    tenant: Text | Absent = Field(default=None, description="Another tenant than one's own: `audit:all`.")

    def forwarded(self) -> dict[str, str]:
        """The parameters for the sink, by its names."""
        found = self.model_dump(by_alias=True, exclude_none=True)
        return {name: as_text(value) for name, value in found.items()}


class AuditFilters(_AuditFields, Paged):
    """Filters of the audit trail, handed to the audit sink, which knows whether a cursor is its own."""

    def forwarded(self) -> dict[str, str]:
        """The parameters for the sink, by its names."""
        own = {"limit": str(self.limit)} | ({"cursor": self.cursor} if self.cursor else {})
        return {**self.filters(), **own}


class ExportFilters(_AuditFields):
    """Filters of an export of the audit trail."""

    format: Literal["jsonl", "csv", "parquet"] = Field(default="jsonl", description="Form of the file.")


class CheckpointFilters(Paged):
    """Which checkpoints of the audit wall."""

    anchored: bool = Field(default=False, description="Only those that are locked in the bucket.")

    def forwarded(self) -> dict[str, str]:
        """The parameters for the sink, by its names."""
        own = {"anchored": str(self.anchored).lower(), "limit": str(self.limit)}
        return own | ({"cursor": self.cursor} if self.cursor else {})


class ProofQuery(NoParameters):
    """Which tree an inclusion proof is for."""

    size: TreeSize | Absent = Field(
        default=None, description="Entries of the tree; default: the newest checkpoint's."
    )

    def forwarded(self) -> dict[str, str]:
        """The parameters for the sink, by its names."""
        return {} if self.size is None else {"size": str(self.size)}


class ConsistencyQuery(NoParameters):
    """Between which trees a consistency proof is."""

    from_: int = Field(alias="from", ge=0, le=2**63 - 1, description="Entries of the earlier tree.")
    to: int = Field(ge=0, le=2**63 - 1, description="Entries of the later one.")

    def forwarded(self) -> dict[str, str]:
        """The parameters for the sink, by its names."""
        return {"from": str(self.from_), "to": str(self.to)}
