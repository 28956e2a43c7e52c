"""The guards of transitions: pure functions that return what is missing, in words.

They see the workflow as it is and the regulation as it is loaded (None: it is not there any more). A guard
that is named somewhere and has no function here is not available in this release.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from agents.decisions.transitions import Transition
from projections.apply.workflow_state import ControlState, WorkflowState
from regulations import SelectionRefused
from regulations.model import Regulation
from regulations.scope import select

Guard = Callable[[WorkflowState, Regulation | None], Sequence[str]]

NOT_CHECKED: Final = "not checked in this release"
"""What a guard of a profile misses that no release checks yet."""


def scope_is_set(workflow: WorkflowState, regulation: Regulation | None) -> Sequence[str]:
    """G1: boundary, owner and period; the controls are those of the pinned catalogue under the choices."""
    said = {"boundary": workflow.boundary, "owner": workflow.owner}
    missing = [name for name, text in said.items() if not text.strip()]
    if workflow.period_end <= workflow.period_start:
        missing.append("a period that ends after it starts")
    if pinned := catalogue_changed(workflow, regulation):
        return [*missing, pinned]
    if regulation is not None and _ids_in_scope(workflow, regulation) != [
        control.control_id for control in workflow.controls
    ]:
        missing.append("the controls that the catalogue has under these choices")
    return missing


def every_control_is_owned(workflow: WorkflowState, _: Regulation | None) -> Sequence[str]:
    """G2: each control that is not excluded has an owner, who is not its assessor."""
    missing = []
    for control in _included(workflow):
        if control.owner is None:
            missing.append(f"{control.control_id} has no owner")
        elif control.owner == control.assessor:
            missing.append(f"{control.control_id} is assessed by its owner")
    return missing


def applicability_is_decided(workflow: WorkflowState, _: Regulation | None) -> Sequence[str]:
    """G3: each control applies, or is excluded by two persons."""
    missing = []
    for control in workflow.controls:
        if control.applicability == "undecided":
            missing.append(f"{control.control_id} is undecided")
        elif control.applicability == "exclusion_requested":
            missing.append(f"{control.control_id} waits for another person to approve its exclusion")
    return missing


def annex_a_is_decided(workflow: WorkflowState, regulation: Regulation | None) -> Sequence[str]:
    """Each Annex A control is decided with a reason; another approved each exclusion."""
    annex = _ids_where(regulation, lambda kind, _: kind == "annex_a")
    unexplained = [
        f"{control.control_id} is decided without a reason"
        for control in workflow.controls
        if control.control_id in annex and control.applicability != "undecided" and not control.reason.strip()
    ]
    return unexplained + _undecided(workflow, annex)


def addressables_are_decided(workflow: WorkflowState, regulation: Regulation | None) -> Sequence[str]:
    """Each addressable item is decided: it is never simply optional."""
    return _undecided(workflow, _ids_where(regulation, lambda _, words: "addressable" in words))


GUARDS: Final[dict[str, Guard]] = {
    "G1": scope_is_set,
    "G2": every_control_is_owned,
    "G3": applicability_is_decided,
    "annex_a_all_decided": annex_a_is_decided,
    "addressables_decided": addressables_are_decided,
}

LABELS: Final[dict[str, str]] = {
    "G1": "boundary, owner, period and selectors are set, and the controls equal the catalogue's",
    "G2": "each control is owned, not by its assessor",
    "G3": "applicability is decided, exclusions are approved by another person",
    "G4": "the window was long enough and is over, with a report of its gaps",
    "G5": "each control has accepted, fresh and verified evidence, a live waiver or a bound check",
    "G6": "the wall verifies over the period",
    "G7": "each failure has an owned and dated finding",
    "G8": "nothing is unassessed, stale or inconclusive, and no blocking finding is open",
    "G9": "duties are separated and enough persons have approved",
    "G10": "the statement is signed",
}
"""What each common guard asks; :data:`regulations.profiles.GUARDS` has those of profiles."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What one guard found."""

    name: str
    passed: bool
    missing: tuple[str, ...]
    blocks: bool
    """False for a profile's guard that no release checks yet: it stops nothing and is shown as not passed."""


def check(row: Transition, workflow: WorkflowState, regulation: Regulation | None) -> tuple[Checked, ...]:
    """What the guards of a transition find: those of the table, then those of the regulation's profile."""
    added = regulation.profile.guards if regulation is not None else ()
    names = [*row.guards, *(extra.guard for extra in added if extra.transition == row.name)]
    return tuple(_checked(name, workflow, regulation) for name in names)


def catalogue_changed(workflow: WorkflowState, regulation: Regulation | None) -> str:
    """Why the loaded catalogue is not the one that the workflow pins; empty where it is."""
    if regulation is not None and regulation.version == workflow.regulation_version:
        return ""
    loaded = regulation.version if regulation is not None else "none"
    return f"catalogue_changed: loaded is {loaded}, the workflow pins {workflow.regulation_version}"


def _checked(name: str, workflow: WorkflowState, regulation: Regulation | None) -> Checked:
    guard = GUARDS.get(name)
    if guard is None:
        return Checked(name, False, (NOT_CHECKED,), False)
    missing = tuple(guard(workflow, regulation))
    return Checked(name, not missing, missing, bool(missing))


def _ids_in_scope(workflow: WorkflowState, regulation: Regulation) -> list[str] | None:
    try:
        return [control.id for control in select(regulation, workflow.choices).controls]
    except SelectionRefused:
        return None


def _included(workflow: WorkflowState) -> Iterable[ControlState]:
    return (control for control in workflow.controls if control.applicability != "excluded")


def _ids_where(regulation: Regulation | None, fits: Callable[[str, Iterable[str]], bool]) -> frozenset[str]:
    controls = regulation.controls if regulation is not None else ()
    return frozenset(
        c.id for c in controls if fits(c.kind, [word for words in c.attributes.values() for word in words])
    )


def _undecided(workflow: WorkflowState, ids: frozenset[str]) -> list[str]:
    return [
        f"{control.control_id} is not decided"
        for control in workflow.controls
        if control.control_id in ids and control.applicability in {"undecided", "exclusion_requested"}
    ]
