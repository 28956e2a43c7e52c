"""What a version said on an input, and how two answers differ. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

import orjson

Word = Literal["allow", "deny", "no answer"]

MAX_REASONS: Final = 20
"""Most reasons that a difference tells."""

MAX_REASON_CHARS: Final = 500
"""Longest text of one reason there."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The version said nothing: reason code and text."""

    error: str
    detail: str


Answer = object
"""A decision document as :mod:`orjson` reads it, or a :class:`NoAnswer`."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer as people read it."""

    word: Word
    reasons: tuple[str, ...]
    """Violations; where there is no answer, why."""
    obligations: tuple[str, ...] = ()

    def means(self, other: "Judged") -> bool:
        """Whether the other says the same, in whatever order."""
        return (self.word, sorted(self.reasons), sorted(self.obligations)) == (
            other.word,
            sorted(other.reasons),
            sorted(other.obligations),
        )


def judged(answer: Answer) -> Judged:
    """What a decision document says, by the rules of a live decision."""
    if isinstance(answer, NoAnswer):
        return Judged("no answer", (answer.detail,))
    if isinstance(answer, bool):
        return Judged("allow" if answer else "deny", ())
    if not isinstance(answer, dict) or not isinstance(allow := answer.get("allow"), bool):
        return Judged("no answer", ("the decision document has no boolean allow",))
    violations, obligations = answer.get("violations", []), answer.get("obligations", [])
    if not isinstance(violations, list):
        return Judged("no answer", ("violations is no array",))
    if not isinstance(obligations, list):
        return Judged("no answer", ("obligations is no array",))
    return Judged("allow" if allow else "deny", _texts(violations), _texts(obligations))


def _texts(values: list[object]) -> tuple[str, ...]:
    return tuple(value if isinstance(value, str) else orjson.dumps(value).decode() for value in values)
