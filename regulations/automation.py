"""How much of a regulation a machine assesses: computed from the mapping, never declared.

Three answers, each over the ids that count (rows, and finer ids that are duties):

- *available*: with the checks that exist;
- *mapped*: if every technical control had its check;
- *planned*: as designed, with the planned checks too.

What is missing, unassessed or only touched (``intersects-with``) never counts.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum

from regulations.model import SUFFICES, Control, ControlMapping, Regulation, Relation
from regulations.scope import Selection
from regulations.technical import Hub


class Level(StrEnum):
    """Full: every id; partial: some; none."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


class Automated(StrEnum):
    """How one control is assessed."""

    AVAILABLE = "available"
    """Checks exist that suffice."""
    PLANNED = "planned"
    """As designed checks suffice, but not all of them exist."""
    PARTLY = "partly"
    """Technical controls show a part; a person assesses the rest."""
    MANUAL = "manual"
    """A person assesses it whole."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which of ``total`` ids are covered."""

    covered: frozenset[str]
    total: int

    @property
    def level(self) -> Level:
        """Full only if every id is covered and there is one."""
        if not self.covered:
            return Level.NONE
        return Level.FULL if len(self.covered) == self.total else Level.PARTIAL


@dataclass(frozen=True, slots=True)
class Automation:
    """The three answers for one regulation."""

    available: Coverage
    mapped: Coverage
    planned: Coverage


Passes = Callable[[ControlMapping], bool]
"""Whether the mapping's technical control, with the mapping's parameters, passed. Anything else than a pass
that is known and still valid is False."""


def covered_by(
    controls: Iterable[Control], mappings: Iterable[ControlMapping], passes: Passes
) -> frozenset[str]:
    """The ids that are met if exactly ``passes`` pass; finer duties roll up to what they refine."""
    return roll_up(controls, _direct(mappings, passes))


def roll_up(controls: Iterable[Control], direct: Set[str]) -> frozenset[str]:
    """``direct`` and every id that has finer duties below it, all of them in ``direct``."""
    everything = tuple(controls)
    parent_of = {control.id: control.parent for control in everything}
    duties: dict[str, set[str]] = {}
    for control in everything:
        if control.finer and control.duty:
            for above in _ancestors(control.id, parent_of):
                duties.setdefault(above, set()).add(control.id)
    return frozenset(direct) | {above for above, below in duties.items() if below <= direct}


def automation(regulation: Regulation, hub: Hub, within: Selection | None = None) -> Automation:
    """The three answers, for the whole regulation or for what is ``within`` a scope."""
    scope = regulation.controls if within is None else (*within.controls, *within.finer)
    counted = frozenset(control.id for control in scope if not control.finer or control.duty)
    direct = _direct(regulation.mappings, lambda mapping: True)
    checks = frozenset(check.control for check in regulation.planned)

    def coverage(met: Set[str]) -> Coverage:
        return Coverage(roll_up(scope, met) & counted, len(counted))

    return Automation(
        available=coverage(_direct(regulation.mappings, _has_check(hub))),
        mapped=coverage(direct),
        planned=coverage(direct | checks),
    )


def automated(regulation: Regulation, hub: Hub) -> Mapping[str, Automated]:
    """How each control is assessed, by id, in catalogue order."""
    answers = automation(regulation, hub)
    touched = {mapping.control for mapping in regulation.mappings}

    def answer(control_id: str) -> Automated:
        if control_id in answers.available.covered:
            return Automated.AVAILABLE
        if control_id in answers.planned.covered:
            return Automated.PLANNED
        return Automated.PARTLY if control_id in touched else Automated.MANUAL

    return {control.id: answer(control.id) for control in regulation.controls}


def _has_check(hub: Hub) -> Passes:
    return lambda mapping: hub[mapping.technical_control].check is not None


def _direct(mappings: Iterable[ControlMapping], passes: Passes) -> frozenset[str]:
    """Ids that their own mappings meet: one pass that suffices, or a whole completing set."""
    everything = tuple(mappings)
    passed = {(mapping.control, mapping.technical_control) for mapping in everything if passes(mapping)}
    return frozenset(mapping.control for mapping in everything if _meets(mapping, passed))


def _meets(mapping: ControlMapping, passed: Set[tuple[str, str]]) -> bool:
    if mapping.relation in SUFFICES:
        return (mapping.control, mapping.technical_control) in passed
    if mapping.relation is Relation.SUBSET_OF and mapping.completing_set:
        return all((mapping.control, member) in passed for member in mapping.completing_set)
    return False


def _ancestors(control_id: str, parent_of: Mapping[str, str | None]) -> list[str]:
    """From the parent upwards; stops at what is not in scope, and at a cycle."""
    found: list[str] = []
    above = parent_of.get(control_id)
    while above is not None and above in parent_of and above not in found:
        found.append(above)
        above = parent_of[above]
    return found
