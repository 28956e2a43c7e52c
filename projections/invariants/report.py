"""What the checker says."""

from dataclasses import dataclass, field
from typing import Final

MAX_PROBLEMS: Final = 20
"""Problems kept a check; the rest are counted."""


@dataclass(slots=True)
class Invariant:
    """One invariant: how much was compared, and what did not hold."""

    number: int
    claim: str
    compared: int = 0
    broken: int = 0
    problems: list[str] = field(default_factory=list)

    def expect(self, holds: bool, problem: str) -> None:
        """Counts one comparison and, where it does not hold, the problem."""
        self.compared += 1
        if not holds:
            self.fail(problem)

    def fail(self, problem: str) -> None:
        """Counts a problem."""
        self.broken += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)

    @property
    def holds(self) -> bool:
        """Whether nothing broke it."""
        return self.broken == 0


@dataclass(slots=True)
class Report:
    """All six, and how much there was."""

    invariants: list[Invariant]
    counts: dict[str, int]

    @property
    def holds(self) -> bool:
        """Whether all of them hold."""
        return all(invariant.holds for invariant in self.invariants)

    def document(self) -> dict[str, object]:
        """For programs."""
        return {
            "holds": self.holds,
            "counts": self.counts,
            "invariants": [
                {
                    "number": i.number,
                    "claim": i.claim,
                    "holds": i.holds,
                    "compared": i.compared,
                    "broken": i.broken,
                    "problems": i.problems,
                }
                for i in self.invariants
            ],
        }
