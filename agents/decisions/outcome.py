"""What a decision can be."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event before it has a place in its lane."""

    type: str
    resource: str
    """``ce_subject``, type/id."""
    body: Mapping[str, object]
    causation: str = ""
    """Event that this one rests on; empty: the command."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a check on submitted source; rows and columns from 1, 0 when unknown."""

    file: str
    row: int
    column: int
    rule: str
    message: str
    hint: str = ""

    def body(self) -> Mapping[str, object]:
        """Its Avro form."""
        return {
            "file": self.file,
            "row": self.row,
            "column": self.column,
            "rule": self.rule,
            "message": self.message,
            "hint": self.hint,
        }


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a readable command changes nothing."""

    reason: str
    detail: str
    findings: tuple[Finding, ...] = field(default=())


Outcome = tuple[EventDraft, ...] | Rejection
