"""Asking shadow versions beside the deciding ones, so that no decision ever depends on them.

They are asked at the same moment, in requests of their own: a batch that holds a slow shadow would hold the
decisions in it until its deadline. What has not answered when the batch is decided is dropped.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from agents.decisions.answering import Answered, Pointer, Verdict, answered
from agents.decisions.outcome import EventDraft
from agents.decisions.shadowing import differ, difference
from agents.opa.isolation import VersionKey
from agents.opa.plan import version_of
from agents.opa.ports import Answer, Evaluator, Question
from agents.shadow_breaker import ShadowBreaker

GRACE_S: Final = 0.01
"""Longest that a batch waits for shadows once all else is ready to be decided, in seconds."""

FAILED: Final = frozenset({"timeout", "evaluation_error"})
"""Errors that a shadow brings about itself."""

NOT_ASKED: Final = frozenset({"timeout", "unreachable", "not_loaded", "suspended"})
"""Errors after which there is nothing to compare."""

Comparison = Literal["same", "differed", "dropped"]

Shadows = Mapping[int, Verdict | None]
"""Verdicts of shadows by the place of their policy in the gate; None where one was dropped."""


@dataclass(slots=True)
class Beside:
    """Questions to shadows under way: each request with the places of its questions."""

    questions: Sequence[Question]
    requests: Sequence[tuple[Sequence[int], "asyncio.Task[list[Answer]]"]]
    found: list[Answer | None]
    """The answers; None for those that were not in time, and before :meth:`ShadowEvaluator.settle`."""
    settled: bool = False


class ShadowEvaluator:
    """Asks shadows beside what decides.

    A shadow whose request was not in time is asked apart from the others until it is: so a slow one costs
    its neighbours one batch, and only what is late alone counts as late.
    """

    def __init__(self, evaluator: Evaluator, breaker: ShadowBreaker | None = None) -> None:
        self._evaluator = evaluator
        self._breaker = breaker
        self._apart: set[VersionKey] = set()

    async def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        """What decides, as :meth:`agents.opa.ports.Evaluator.evaluate`."""
        return await self._evaluator.evaluate(questions)

    def begin(self, questions: Sequence[Question]) -> Beside:
        """Asks shadows, without waiting for them."""
        groups: dict[VersionKey | None, list[int]] = {}
        for place, question in enumerate(questions):
            version = version_of(question)
            groups.setdefault(version if version in self._apart else None, []).append(place)
        requests = [
            (places, asyncio.ensure_future(self._evaluator.evaluate([questions[place] for place in places])))
            for places in groups.values()
        ]
        return Beside(questions, requests, [None] * len(questions))

    async def settle(self, beside: Beside) -> None:
        """Takes the answers that are there by now, or within :data:`GRACE_S`; the others are dropped."""
        if beside.settled:
            return
        beside.settled = True
        await asyncio.wait([task for _, task in beside.requests], timeout=GRACE_S)
        for places, task in beside.requests:
            versions = {version_of(beside.questions[place]) for place in places}
            if task.done():
                for place, answer in zip(places, task.result(), strict=True):
                    beside.found[place] = answer
                self._apart -= versions
            else:
                task.cancel()
                if len(versions) > 1:
                    self._apart |= versions
                    continue
            self._count(beside, places)

    def _count(self, beside: Beside, places: Sequence[int]) -> None:
        """A batch went badly for a version that was late, or failed on half of its questions."""
        if self._breaker is None:
            return
        asked: Counter[VersionKey] = Counter()
        bad: Counter[VersionKey] = Counter()
        for place in places:
            version, answer = version_of(beside.questions[place]), beside.found[place]
            asked[version] += 1
            bad[version] += answer is None or answer.error in FAILED
        for version, count in asked.items():
            self._breaker.count(version, well=2 * bad[version] < count)


def compare(
    drafts: Sequence[EventDraft],
    resource: str,
    decision_id: str,
    pointers: Sequence[Pointer],
    verdicts: Sequence[Verdict | None],
    shadows: Shadows,
) -> tuple[EventDraft, ...]:
    """A decision's events with what came of its shadows; what differs follows as events of its own."""
    comparisons: list[dict[str, object]] = []
    differences: list[EventDraft] = []
    for place, shadow in shadows.items():
        pointer, verdict = pointers[place], verdicts[place]
        if pointer.shadow is None or verdict is None or verdict.error in NOT_ASKED:
            continue
        policy_id, number = pointer.policy_id, pointer.shadow[0]
        comparison: Comparison = "dropped"
        if shadow is not None and shadow.error not in NOT_ASKED:
            pair = _said(pointer, verdict, shadow)
            comparison = "same" if pair is None else "differed"
            if pair is not None:
                said, other = pair
                differences.append(
                    difference(policy_id, resource, decision_id, verdict.version, said, number, other)
                )
        comparisons.append({"policy_id": policy_id, "version": number, "comparison": comparison})
    decision, *others = drafts
    decision = replace(decision, body={**decision.body, "shadows": comparisons})
    return (decision, *others, *differences)


def _said(pointer: Pointer, verdict: Verdict, shadow: Verdict) -> tuple[Answered, Answered] | None:
    """Both answers where they differ; equal documents, which nearly all are, are not even read."""
    if verdict.result == shadow.result and verdict.error == shadow.error:
        return None
    said, other = answered(pointer, verdict, None), answered(pointer, shadow, None)
    return (said, other) if differ(said, other) else None
