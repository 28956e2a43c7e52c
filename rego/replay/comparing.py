"""Recorded answers beside a version's: counts of what changed, and a bounded number of examples. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rego.replay.judged import MAX_REASON_CHARS, MAX_REASONS, Answer, Judged, judged
from schemas.models import FlipCount, ReplayDifference, ReplayReport, ResourceFlips

MAX_RESOURCES: Final = 20
"""Resources that a report names: those with the most flips."""

MAX_TOLD: Final = 20
"""Cases of each kind that a verdict on determinism names."""


class Case(NamedTuple):
    """One input and what was decided on it; a tuple, as a replay makes tens of thousands a second."""

    name: str
    """Id of the decision, or line of the file."""
    resource: str
    document: bytes
    """JSON."""
    answer: Answer
    """The recorded one."""
    version: int | None
    """Version that gave it."""


@dataclass(slots=True)
class Comparison:
    """Counts over a replay; keeps at most ``samples`` differences."""

    samples: int
    decisions: int = 0
    same: int = 0
    other_reasons: int = 0
    left_out: int = 0
    """Decisions that did not keep their input whole."""
    unanswered: int = 0
    """Decisions in which no version was asked to the end: outage, deadline, suspension."""
    flips: Counter[tuple[str, str]] = field(default_factory=Counter)
    resources: Counter[str] = field(default_factory=Counter)
    differences: list[ReplayDifference] = field(default_factory=list)

    def take(self, cases: Sequence[Case], answers: Sequence[Answer]) -> None:
        """Counts the answers on some cases, in their order."""
        self.decisions += len(cases)
        for case, answer in zip(cases, answers, strict=True):
            # Equal documents say the same: what nearly all cases come to.
            if answer == case.answer:
                self.same += 1
            else:
                self._differing(case, judged(case.answer), judged(answer))

    def _differing(self, case: Case, before: Judged, after: Judged) -> None:
        if before.word != after.word:
            self.flips[before.word, after.word] += 1
            self.resources[case.resource] += 1
        elif before.means(after):
            self.same += 1
            return
        else:
            self.other_reasons += 1
        if len(self.differences) < self.samples:
            self.differences.append(
                ReplayDifference(
                    case=case.name,
                    resource=case.resource,
                    before=before.word,
                    after=after.word,
                    before_reasons=_bounded(before.reasons),
                    after_reasons=_bounded(after.reasons),
                )
            )

    def report(self, verdict: "Verdict", duration_ms: int) -> ReplayReport:
        """What the replay found."""
        return ReplayReport(
            decisions=self.decisions,
            same=self.same,
            other_reasons=self.other_reasons,
            left_out=self.left_out,
            unanswered=self.unanswered,
            flips=[
                FlipCount(before=before, after=after, count=count)
                for (before, after), count in self.flips.most_common()
            ],
            resources=[
                ResourceFlips(resource=resource, flips=count)
                for resource, count in self.resources.most_common(MAX_RESOURCES)
            ],
            samples=self.differences,
            deterministic=not verdict.otherwise if verdict.repeated else None,
            repeated=verdict.repeated,
            reproduced=verdict.reproduced,
            not_reproduced=len(verdict.not_reproduced),
            differing=[
                *(f"{case}: decided twice with two results" for case in verdict.otherwise[:MAX_TOLD]),
                *(f"{case}: the record is not made again" for case in verdict.not_reproduced[:MAX_TOLD]),
            ],
            duration_ms=duration_ms,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether deciding again gives the same: the version twice, and the deciding one as it is recorded."""

    repeated: int
    """Inputs that the version decided twice."""
    otherwise: Sequence[str]
    """Those of them with two results."""
    reproduced: int
    """Recorded answers that the deciding version gave again."""
    not_reproduced: Sequence[str]
    """Those that it did not."""


def _bounded(reasons: Sequence[str]) -> list[str]:
    return [reason[:MAX_REASON_CHARS] for reason in reasons[:MAX_REASONS]]
