"""Recorded decisions as the cases of a replay."""

from typing import Final

import orjson

from rego.replay.comparing import Case, Comparison
from rego.replay.judged import Answer, NoAnswer
from schemas.recorded import RecordedDecision

NOT_ASKED: Final = frozenset({"timeout", "unreachable", "not_loaded", "suspended", "not_active"})
"""Errors that say nothing about a policy: it was not asked, or not to the end."""

REMEMBERED: Final = 4_096
"""Result documents that are kept read: most decisions of a policy have one of a few."""


class Cases:
    """Makes cases; what cannot be one is counted in the comparison."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self._known: dict[bytes, Answer] = {}

    def of(self, decision: RecordedDecision) -> Case | None:
        """The case of a decision; None where it kept no whole input, or no version was asked to the end."""
        if decision.error in NOT_ASKED:
            self._comparison.unanswered += 1
            return None
        if decision.input is None:
            self._comparison.left_out += 1
            return None
        return Case(
            decision.decision_id, decision.resource, decision.input, self._answer(decision), decision.version
        )

    def _answer(self, decision: RecordedDecision) -> Answer:
        if decision.result is None:
            error = decision.error or "undefined"
            return NoAnswer(error, error)
        answer = self._known.get(decision.result)
        if answer is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            answer = self._known[decision.result] = orjson.loads(decision.result)
        return answer
