"""The YAML files of a folder as they stand: single fields are checked here, nothing across files."""

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from regulations.model import Span
from regulations.technical import Mode, Severity

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Dotted = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
TechnicalControlId = Annotated[str, StringConstraints(pattern=r"^TC-\d{3}$")]

_SHORT_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_SPAN_UNITS = {"h": "hours", "d": "days", "mo": "months", "y": "years"}


def _split(value: object, units: dict[str, str]) -> tuple[int, str]:
    word = str(value)
    digits = word.rstrip("abcdefghijklmnopqrstuvwxyz")
    if not digits.isdecimal() or not digits.isascii() or word[len(digits) :] not in units:
        raise ValueError(f"must be a whole number and one of {', '.join(units)}, for example 24h")
    return int(digits), units[word[len(digits) :]]


def _duration(value: object) -> timedelta:
    count, unit = _split(value, _SHORT_UNITS)
    return timedelta(**{unit: count})


def _span(value: object) -> object:
    count, unit = _split(value, _SPAN_UNITS)
    return {"count": count, "unit": unit}


def _day(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a day like 2026-08-02")
    return value


Day = Annotated[date, BeforeValidator(_day)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
LegalSpan = Annotated[Span, BeforeValidator(_span)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CountsEntry(_Strict):
    """How many ids of each sort the catalogue has. ``columns`` counts the values of selector columns."""

    controls: int = Field(ge=1)
    finer: int = Field(default=0, ge=0)
    finer_duties: int = Field(default=0, ge=0)
    obligations: int = Field(default=0, ge=0)
    kind: dict[Name, int]
    columns: dict[Name, dict[Name, int]] = Field(default_factory=dict)


class LawEntry(_Strict):
    """One version of the law."""

    version: Text
    title: Text
    in_force: Day
    changed: tuple[Text, ...] = ()
    removed: tuple[Text, ...] = ()


class PeriodEntry(_Strict):
    """Length of an assessment period, in months."""

    min_months: int = Field(ge=1, le=60)
    max_months: int = Field(ge=1, le=60)
    default_months: int = Field(ge=1, le=60)


class SelectorEntry(_Strict):
    """A choice of scope over a column of ``controls.csv``."""

    choose: Literal["one", "many"]
    always: tuple[Name, ...] = ()
    default: tuple[Name, ...] = Field(min_length=1)


class RegulationFile(_Strict):
    """``regulation.yaml``."""

    code: Name
    name: Text
    scope: Text
    edition: Text
    licence: Text
    catalogue_hash: Text
    counts: CountsEntry
    law: tuple[LawEntry, ...] = Field(min_length=1)
    period: PeriodEntry
    finer_kinds: tuple[Name, ...] = ()
    excludable_kinds: tuple[Name, ...] = ()
    columns: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    selectors: dict[Name, SelectorEntry] = Field(default_factory=dict)


class PhasesEntry(_Strict):
    """What the workflow's phases are called; ``observing: null`` where there is none."""

    readiness: Text
    observing: Text | None
    attesting: Text


class GuardEntry(_Strict):
    """An added guard, and the transition it guards."""

    guard: Name
    transition: Name


class ClockEntry(_Strict):
    """A deadline: ``within`` (``72h``, ``60d``, ``12mo``, ``6y``) after what ``starts`` names.

    With ``retention``, records are kept so long at least.
    """

    name: Name
    starts: Text
    within: LegalSpan
    note: Text
    retention: bool = False


class WorkflowFile(_Strict):
    """``workflow.yaml``."""

    phases: PhasesEntry
    guards: tuple[GuardEntry, ...] = ()
    clocks: tuple[ClockEntry, ...] = ()


class NumberEntry(_Strict):
    """A whole-number parameter with inclusive bounds."""

    unit: Text
    default: int
    min: int
    max: int
    tightens: Literal["up", "down"]


class ChoiceEntry(_Strict):
    """A parameter with named values."""

    choices: tuple[Name, ...] = Field(min_length=2)
    default: Name


class PopulationEntry(_Strict):
    """The cases that are judged."""

    opens: Dotted
    key: Name
    closes: Dotted | None
    deadline: Name | None


class ControlFile(_Strict):
    """``control.yaml`` of a technical control. ``check`` must be written out, even where it is null."""

    id: TechnicalControlId
    title: Text
    claim: Text
    mode: Mode
    subject: Name
    inputs: tuple[Dotted, ...] = Field(min_length=1)
    parameters: dict[Name, NumberEntry | ChoiceEntry]
    freshness: Duration
    cadence: Duration
    grace: Duration
    population: PopulationEntry | None
    sampling: Literal["whole"] | None
    empty: Literal["not_assessable", "pass"]
    severity: Severity
    remediation: Text
    check: Literal["check.rego"] | None
