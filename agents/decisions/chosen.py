"""Which controls of a workflow a command is about, and what is refused about them."""

from collections.abc import Callable, Iterable, Sequence

from agents.decisions.outcome import Finding, Rejection
from projections.apply.workflow_state import ControlState, WorkflowState

MAX_NAMED: int = 5
"""Ids in a rejection's text; its findings have them all."""


def chosen(
    state: WorkflowState, named: Sequence[str], otherwise: Callable[[ControlState], bool]
) -> tuple[ControlState, ...] | Rejection:
    """The named controls, or without names those that fit ``otherwise``; in the catalogue's order."""
    if not named:
        return tuple(control for control in state.controls if otherwise(control))
    known = {control.control_id for control in state.controls}
    if unknown := [name for name in dict.fromkeys(named) if name not in known]:
        return refused("unknown_control", "not in the workflow's scope", unknown)
    wanted = frozenset(named)
    return tuple(control for control in state.controls if control.control_id in wanted)


def refused(reason: str, why: str, ids: Iterable[str]) -> Rejection:
    """A rejection with one finding a control."""
    found = list(ids)
    more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
    findings = tuple(finding(reason, f"{control}: {why}") for control in found)
    return Rejection(reason, f"{', '.join(found[:MAX_NAMED])}{more}: {why}", findings)


def finding(rule: str, message: str) -> Finding:
    """A finding about no source."""
    return Finding("", 0, 0, rule, message)
