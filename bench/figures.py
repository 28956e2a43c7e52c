"""What a bench found: ours beside the reference of the same run. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from bench.errors import NotVerified

Of = Literal["ratio", "ours"]


@dataclass(frozen=True, slots=True)
class Target:
    """A bound of a figure: of its ratio, or of our own value."""

    of: Of
    at: Literal["least", "most"]
    bound: float

    def met(self, ours: float, ratio: float) -> bool:
        """Whether the figure keeps the bound."""
        value = ratio if self.of == "ratio" else ours
        return value >= self.bound if self.at == "least" else value <= self.bound

    def text(self, unit: str) -> str:
        """As people read it."""
        sign = ">=" if self.at == "least" else "<="
        return f"{sign} {self.bound:g}{'x' if self.of == 'ratio' else f' {unit}'}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. ``verified`` says that the work behind it was checked."""

    name: str
    ours: float
    reference: float
    unit: str
    must: Target | None
    goal: Target | None
    verified: bool
    conditions: str
    """What was measured under which settings, and against what."""

    @property
    def ratio(self) -> float:
        """Ours over the reference."""
        return self.ours / self.reference

    @property
    def met(self) -> bool | None:
        """Whether the figure reaches what it must; None where it must reach nothing yet."""
        return None if self.must is None else self.must.met(self.ours, self.ratio)

    @property
    def reaches_goal(self) -> bool | None:
        """Whether it reaches its goal, too."""
        return None if self.goal is None else self.goal.met(self.ours, self.ratio)


@dataclass(frozen=True, slots=True)
class Part:
    """What one bench brought: figures, and remarks that help to read them."""

    figures: tuple[Figure, ...]
    remarks: tuple[str, ...] = ()


def as_json(figures: Sequence[Figure]) -> bytes:
    """The figures as a JSON list."""
    rows = [
        {
            "figure": figure.name,
            "ours": round(figure.ours, 2),
            "reference": round(figure.reference, 2),
            "ratio": round(figure.ratio, 3),
            "unit": figure.unit,
            "must": figure.must and figure.must.text(figure.unit),
            "goal": figure.goal and figure.goal.text(figure.unit),
            "met": figure.met,
            "verified": figure.verified,
            "conditions": figure.conditions,
        }
        for figure in figures
    ]
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0 to 1) of all values do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)
    return ordered[max(int(rank), 1) - 1]


def expect(true: bool, what: str) -> None:
    """Raises :class:`NotVerified` unless ``true``."""
    if not true:
        raise NotVerified(what)
