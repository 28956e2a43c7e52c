"""An evaluator in memory, for tests of everything that asks: policies are Python functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from agents.opa.ports import Answer, EvaluationError, Question
from agents.opa.shards import opa_names, shard_of

Rule = Callable[[object], object]
"""From the decoded input document to the decision document.

None means undefined; a raised :class:`RuleFailed` becomes its error.
"""


class RuleFailed(Exception):
    """Raised by a rule to be answered with an error instead of a result."""

    def __init__(self, error: EvaluationError, detail: str = "") -> None:
        super().__init__(f"{error}: {detail}")
        self.error: EvaluationError = error
        self.detail = detail


def allow_all(document: object) -> object:
    """The rule that allows everything."""
    return {"allow": True, "violations": []}


@dataclass(slots=True)
class FakeEvaluator:
    """Answers from ``rules``, keyed by (tenant, policy id, version), at bundle ``revision``.

    ``down`` answers everything ``unreachable``. ``asked`` records every call.
    """

    rules: dict[tuple[str, str, int], Rule] = field(default_factory=dict)
    revision: int = 1
    processes: int = 1
    down: bool = False
    asked: list[tuple[Question, ...]] = field(default_factory=list)

    def load(self, tenant: str, policy_id: str, version: int, rule: Rule = allow_all) -> None:
        """Makes a version answerable and raises the revision, as a new bundle does."""
        self.rules[tenant, policy_id, version] = rule
        self.revision += 1

    async def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer per question, in order."""
        self.asked.append(tuple(questions))
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        if self.down:
            return Answer(question.id, None, "unreachable", "connection refused", 0, "", 0)
        rule = self.rules.get((question.tenant, question.policy_id, question.version))
        if rule is None:
            missing: EvaluationError = (
                "not_loaded" if self.revision < question.confirmed_revision else "undefined"
            )
            return self._failed(question, missing, "no decision in the answer")
        try:
            result = rule(orjson.loads(question.document))
        except RuleFailed as failed:
            return self._failed(question, failed.error, failed.detail)
        if result is None:
            return self._failed(question, "undefined", "no decision in the answer")
        return Answer(question.id, orjson.dumps(result), "", "", 100, self._opa(question), self.revision)

    def _failed(self, question: Question, error: EvaluationError, detail: str) -> Answer:
        return Answer(question.id, None, error, detail, 100, self._opa(question), self.revision)

    def _opa(self, question: Question) -> str:
        return shard_of(question.tenant, opa_names(self.processes))


def fixed(decisions: Mapping[str, object]) -> Rule:
    """A rule that looks its decision up by the document's ``id`` field."""

    def rule(document: object) -> object:
        return decisions.get(str(document["id"])) if isinstance(document, dict) else None

    return rule
