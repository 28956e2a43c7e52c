"""Technical controls as values: the hub that every regulation maps to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal


class Mode(StrEnum):
    """What a check reads."""

    EVENTS = "E"
    """Facts and events."""
    REGISTRY = "R"
    """A registry projected from events."""
    DOCUMENT = "D"
    """A document's presence, approval, hash, age and coverage; a second person confirms content."""


class Severity(StrEnum):
    """Of a failing case."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Number:
    """A whole-number parameter; bounds are inclusive. ``tightens`` says which way is stricter."""

    unit: str
    default: int
    min: int
    max: int
    tightens: Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter with named values."""

    choices: tuple[str, ...]
    default: str


Parameter = Number | Choice


@dataclass(frozen=True, slots=True)
class Population:
    """The cases that are judged whole: opened by one fact, closed by another with the same key.

    ``closes`` is None where the opening fact alone decides the case. ``deadline`` names the parameter that
    limits the time between the two; None where order alone counts.
    """

    opens: str
    key: str
    closes: str | None
    deadline: str | None


@dataclass(frozen=True, slots=True)
class TechnicalControl:
    """One claim that a machine can test. ``check`` is None while no check exists: nothing is automatic then.

    ``empty`` is the verdict over an empty population. ``grace`` is how late a source may be.
    """

    id: str
    title: str
    claim: str
    mode: Mode
    subject: str
    inputs: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    freshness: timedelta
    cadence: timedelta
    grace: timedelta
    population: Population | None
    sampling: Literal["whole"] | None
    empty: Literal["not_assessable", "pass"]
    severity: Severity
    remediation: str
    check: str | None


Hub = Mapping[str, TechnicalControl]
"""Technical controls by id."""
