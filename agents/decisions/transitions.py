"""The transitions of a workflow: one table, read by the decisions, the tests and the diagram."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from projections.apply.workflow_state import Phase, Status

PHASES: Final[Mapping[Status, Phase]] = {
    "draft": "draft",
    "scoped": "in_progress",
    "readiness": "in_progress",
    "collecting": "in_progress",
    "observing": "in_progress",
    "assessing": "in_progress",
    "remediating": "in_progress",
    "in_review": "in_review",
    "attesting": "in_review",
    "active": "completed",
    "renewal_due": "completed",
    "suspended": "suspended",
    "cancelled": "closed",
    "superseded": "closed",
    "expired": "closed",
    "revoked": "closed",
}
"""The coarse phase that goes with each state."""

OPEN: Final[tuple[Status, ...]] = tuple(status for status, phase in PHASES.items() if phase != "closed")
IN_FORCE: Final[tuple[Status, ...]] = ("active", "suspended", "renewal_due")


@dataclass(frozen=True, slots=True)
class Transition:
    """One row. What a regulation's profile adds to ``guards`` comes on top."""

    name: str
    sources: tuple[Status, ...]
    target: Status
    guards: tuple[str, ...] = ()
    """Names in :mod:`agents.decisions.guards`, in the order in which they are asked."""
    available: bool = False
    """Whether this release takes it; every guard of such a row exists."""
    steps: tuple[str, ...] = ()
    """Rows that it takes one after the other, on defaults where nothing was said."""


TRANSITIONS: Final[dict[str, Transition]] = {
    row.name: row
    for row in (
        Transition("scope", ("draft",), "scoped", ("G1",), available=True),
        Transition("start_readiness", ("scoped",), "readiness", ("G2",), available=True),
        Transition("open_collection", ("readiness",), "collecting", ("G3",), available=True),
        Transition(
            "begin",
            ("draft",),
            "collecting",
            ("G1", "G2", "G3"),
            available=True,
            steps=("scope", "start_readiness", "open_collection"),
        ),
        Transition("open_window", ("collecting",), "observing"),
        Transition("close_window", ("observing",), "assessing", ("G4", "G5", "G6")),
        Transition("start_assessment", ("collecting",), "assessing", ("G5", "G6")),
        Transition("request_remediation", ("assessing",), "remediating", ("G7",)),
        Transition("resume", ("remediating",), "assessing", ("G7",)),
        Transition("submit_for_review", ("assessing",), "in_review", ("G8",)),
        Transition("return", ("in_review",), "assessing"),
        Transition("approve", ("in_review",), "attesting", ("G9",)),
        Transition("attest", ("attesting",), "active", ("G10", "G5", "G6", "G8")),
        Transition("suspend", ("active",), "suspended"),
        Transition("reinstate", ("suspended",), "active", ("G5", "G6", "G8")),
        Transition("fall_due", ("active",), "renewal_due"),
        Transition("renew", ("renewal_due",), "collecting", ("G3",)),
        Transition("cancel", OPEN, "cancelled", available=True),
        Transition("supersede", IN_FORCE, "superseded"),
        Transition("expire", IN_FORCE, "expired"),
        Transition("revoke", IN_FORCE, "revoked"),
    )
}
