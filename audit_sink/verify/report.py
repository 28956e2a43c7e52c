"""What a verification found: every check by name, and what was not looked at."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

Name = Literal[
    "note", "size", "bytes", "values", "tiles", "root", "consistency", "lanes", "tenant", "corrections",
    "guard", "fresh", "columns", "batches", "source",
]  # fmt: skip

CLAIMS: Final[dict[Name, str]] = {
    "note": "the newest checkpoint is signed by the log's keys and a quorum of witnesses",
    "size": "entries 0 to N-1 are there",
    "bytes": "every entry is in its one form and hashes to its leaf",
    "values": "every value that its entry only digests is there",
    "tiles": "the stored tiles are those of the entries",
    "root": "the entries give the root of every checkpoint",
    "consistency": "each checkpoint is a prefix of every later one",
    "lanes": "each lane's sequences run from 1 without a hole",
    "tenant": "every stated tenant head is that of the tenant's entries",
    "corrections": "what each correction names stands earlier in its lane, with that leaf",
    "guard": "what protects the wall was stated, complete and unchanged",
    "fresh": "the log spoke lately and did not shrink",
    "columns": "the database's columns follow from the entries",
    "batches": "the batch rows continue each other and give the checkpoints",
    "source": "the primary database's events are those of the wall",
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


@dataclass(frozen=True, slots=True, order=True)
class PrunedRange:
    """Entries ``first`` to ``end - 1``, which are gone; ``root`` (hex) is that of their subtree."""

    first: int
    end: int
    root: str


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
    pruned: list[PrunedRange] = field(default_factory=list)
    """Ranges whose entries are gone, as the log says: their hashes were compared."""
    heads_from: int | None = None
    """Statements about tenants from this entry on were not compared: the files lack entries before it."""
    unread: list[int] = field(default_factory=list)
    """First entries of bundles that are not there, which a bounded run cannot judge."""
    looked_at: int | None = None
    """How many entries a bounded run looked at; None where all were read."""
    finished: bool = False

    def check(self, name: Name) -> Check:
        """The check of that name, begun when it is first asked for."""
        return self.checks.setdefault(name, Check(name))

    def restore(self, checks: Iterable[Mapping[str, Any]]) -> None:
        """Goes on from the checks of an earlier report's document."""
        for saved in checks:
            problems = [(each["index"], each["message"]) for each in saved["problems"]]
            self.checks[saved["name"]] = Check(saved["name"], saved["compared"], saved["broken"], problems)

    @property
    def holds(self) -> bool:
        """Whether every check that was made held."""
        return all(check.holds for check in self.checks.values())

    def not_covered(self) -> Iterable[Name]:
        """The checks that were not made."""
        return [name for name in CLAIMS if name not in self.checks]

    def found(self) -> list[dict[str, object]]:
        """The checks, for programs."""
        return [
            {
                "name": check.name,
                "claim": CLAIMS[check.name],
                "holds": check.holds,
                "compared": check.compared,
                "broken": check.broken,
                "problems": [{"index": index, "message": text} for index, text in check.problems],
            }
            for check in self.checks.values()
        ]

    def document(self) -> dict[str, object]:
        """For programs."""
        return {
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "checkpoints": self.signed_sizes,
            "context_times": self.times,
            "pruned": [asdict(each) for each in self.pruned],
            "heads_not_compared_from": self.heads_from,
            "unread": self.unread,
            "looked_at": self.looked_at,
            "finished": self.finished,
            "holds": self.finished and self.holds,
            "checks": self.found(),
            "not_covered": list(self.not_covered()),
        }
