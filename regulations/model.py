"""A regulation as values. Everything is frozen; :mod:`regulations.loader` is the only maker."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Literal

from regulations.technical import Mode


class Relation(StrEnum):
    """OSCAL's relation words, read from the technical control to the regulation's control."""

    EQUAL_TO = "equal-to"
    EQUIVALENT_TO = "equivalent-to"
    SUPERSET_OF = "superset-of"
    SUBSET_OF = "subset-of"
    INTERSECTS_WITH = "intersects-with"


SUFFICES: Final = frozenset({Relation.EQUAL_TO, Relation.EQUIVALENT_TO, Relation.SUPERSET_OF})
"""Relations where one pass is enough. ``subset-of`` needs its completing set."""

ParameterValue = int | str


@dataclass(frozen=True, slots=True)
class Control:
    """One id of the catalogue.

    ``finer`` ids refine a row and are not counted in the regulation's headline number; ``duty`` is false for
    finer ids that bind nobody in scope (definitions, conditions, tasks of authorities). ``attributes`` holds
    the cells of the selector columns; an empty tuple means that the id applies whatever is chosen.
    """

    id: str
    parent: str | None
    title: str
    kind: str
    finer: bool
    duty: bool
    excludable: bool
    attributes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ControlMapping:
    """How one technical control serves one control. ``strength`` is 1 to 10.

    ``completing_set`` is not empty only for ``subset-of``: the technical controls that suffice together.
    ``parameters`` replace the technical control's defaults for this control.
    """

    control: str
    technical_control: str
    relation: Relation
    strength: int
    completing_set: tuple[str, ...]
    parameters: Mapping[str, ParameterValue]
    rationale: str
    reviewer: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class ManualControl:
    """A control that a person assesses whole, and why."""

    control: str
    rationale: str
    reviewer: str


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """A check that would suffice for the control, in words; no technical control carries it out yet."""

    control: str
    mode: Mode
    check: str


@dataclass(frozen=True, slots=True)
class Law:
    """One version of the law or edition; ``changed`` are the ids whose text it changed or added."""

    version: str
    title: str
    in_force: date
    changed: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ApplicationDate:
    """From when a control applies under one law, for one class (None: any) and market date (None: any)."""

    control: str
    law: str
    in_class: str | None
    placed_before: date | None
    applies_from: date
    note: str


@dataclass(frozen=True, slots=True)
class Obligation:
    """Something that the regulation asks beside its controls."""

    id: str
    title: str
    kind: str
    group: str


@dataclass(frozen=True, slots=True)
class Selector:
    """One choice of scope over a column; ``always`` values are in whatever is chosen."""

    column: str
    choose: Literal["one", "many"]
    values: tuple[str, ...]
    always: tuple[str, ...]
    default: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """Length of an assessment period, in months."""

    min_months: int
    max_months: int
    default_months: int


@dataclass(frozen=True, slots=True)
class Span:
    """A legal length of time; calendar months and years stay what they are."""

    count: int
    unit: Literal["hours", "days", "months", "years"]


@dataclass(frozen=True, slots=True)
class ExtraGuard:
    """A guard that this regulation adds to a transition; the common guards stay."""

    guard: str
    transition: str


@dataclass(frozen=True, slots=True)
class Clock:
    """A deadline: ``within`` after what ``starts`` names."""

    name: str
    starts: str
    within: Span
    note: str
    retention: bool
    """Whether it says how long records are kept at least."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a workflow of this regulation calls its phases, and what it adds. It only tightens."""

    readiness: str
    observing: str | None
    attesting: str
    guards: tuple[ExtraGuard, ...]
    clocks: tuple[Clock, ...]


@dataclass(frozen=True, slots=True)
class Regulation:
    """One folder, checked. ``version`` is the content hash (see :mod:`regulations.hashing`)."""

    code: str
    name: str
    scope: str
    edition: str
    licence: str
    catalogue_hash: str
    version: str
    laws: tuple[Law, ...]
    period: Period
    selectors: Mapping[str, Selector]
    controls: tuple[Control, ...]
    mappings: tuple[ControlMapping, ...]
    manual: tuple[ManualControl, ...]
    planned: tuple[PlannedCheck, ...]
    dates: tuple[ApplicationDate, ...]
    obligations: tuple[Obligation, ...]
    profile: Profile

    @property
    def rows(self) -> tuple[Control, ...]:
        """The ids of the headline number: everything that is not a finer id."""
        return tuple(control for control in self.controls if not control.finer)

    def control(self, control_id: str) -> Control:
        """The control with this id. Raises ``KeyError``."""
        for control in self.controls:
            if control.id == control_id:
                return control
        raise KeyError(control_id)

    def mappings_of(self, control_id: str) -> tuple[ControlMapping, ...]:
        """The mappings of one control, in file order; empty for one that a person assesses whole."""
        return tuple(mapping for mapping in self.mappings if mapping.control == control_id)
