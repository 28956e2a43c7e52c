"""What a verification found: every check by name, and what was not looked at."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

Name = Literal[
    "note", "size", "bytes", "tiles", "root", "consistency", "lanes", "tenant", "guard", "fresh",
    "columns", "batches",
]  # fmt: skip

CLAIMS: Final[dict[Name, str]] = {
    "note": "the newest checkpoint is signed by the log's keys and a quorum of witnesses",
    "size": "entries 0 to N-1 are there",
    "bytes": "every entry is in its one form and hashes to its leaf",
    "tiles": "the stored tiles are those of the entries",
    "root": "the entries give the root of every checkpoint",
    "consistency": "each checkpoint is a prefix of every later one",
    "lanes": "each lane's sequences run from 1 without a hole",
    "tenant": "every stated tenant head is that of the tenant's entries",
    "guard": "what protects the wall was stated, complete and unchanged",
    "fresh": "the log spoke lately and did not shrink",
    "columns": "the database's columns follow from the entries",
    "batches": "the batch rows continue each other and give the checkpoints",
}

MAX_PROBLEMS: Final = 20
"""Problems kept of each check; all are counted."""


@dataclass(slots=True)
class Check:
    """One check: how much it compared and what it found."""

    name: Name
    compared: int = 0
    broken: int = 0
    problems: list[tuple[int | None, str]] = field(default_factory=list)
    """First bad index, where there is one, and what is wrong."""

    def fail(self, message: str, index: int | None = None) -> None:
        """One more problem."""
        self.broken += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append((index, message))

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return self.broken == 0


@dataclass(slots=True)
class Report:
    """All checks of one run; ``size`` and ``root`` are the newest checkpoint's."""

    origin: str
    size: int = 0
    root: str = ""
    signed_sizes: list[int] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    """Time of the first and the last context entry."""
    checks: dict[Name, Check] = field(default_factory=dict)
    finished: bool = False

    def check(self, name: Name) -> Check:
        """The check of that name, begun when it is first asked for."""
        return self.checks.setdefault(name, Check(name))

    @property
    def holds(self) -> bool:
        """Whether every check that was made held."""
        return all(check.holds for check in self.checks.values())

    def not_covered(self) -> Iterable[Name]:
        """The checks that were not made."""
        return [name for name in CLAIMS if name not in self.checks]

    def document(self) -> dict[str, object]:
        """For programs."""
        return {
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "checkpoints": self.signed_sizes,
            "context_times": self.times,
            "finished": self.finished,
            "holds": self.finished and self.holds,
            "checks": [
                {
                    "name": check.name,
                    "claim": CLAIMS[check.name],
                    "holds": check.holds,
                    "compared": check.compared,
                    "broken": check.broken,
                    "problems": [{"index": index, "message": text} for index, text in check.problems],
                }
                for check in self.checks.values()
            ],
            "not_covered": list(self.not_covered()),
        }
