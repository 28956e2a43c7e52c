"""What every evaluator promises, whatever is behind it."""

from collections.abc import Sequence

import orjson

from agents.opa.ports import Answer, Evaluator, Question
from tests.policies.loaded import REVISION, SLOW_DOCUMENT, ask


def results(answers: Sequence[Answer]) -> list[object]:
    """Each answer's decision, or its error's name."""
    return [answer.error or orjson.loads(answer.result or b"") for answer in answers]


ALLOWED = {"allow": True, "violations": []}
NEIGHBOURS = [ask("gate", b'{"n":%d,"said":["%d"]}' % (n % 2, n)) for n in range(20)]
DECISIONS = [{"allow": n % 2 > 0, "violations": [str(n)]} for n in range(20)]


class EvaluatorContract:
    """Subclasses give the fixture ``evaluator``, loaded with :mod:`tests.policies.loaded`."""

    async def test_nothing_asked_is_nothing_answered(self, evaluator: Evaluator) -> None:
        assert await evaluator.evaluate([]) == []

    async def test_a_decision_comes_back_with_its_revision_and_process(self, evaluator: Evaluator) -> None:
        (answer,) = await evaluator.evaluate([ask("gate")])
        assert results([answer]) == [ALLOWED]
        assert (answer.id, answer.error, answer.detail) == ("gate", "", "")
        assert (answer.opa, answer.revision) == ("opa-0", REVISION)
        assert answer.duration_us > 0

    async def test_answers_come_in_the_order_of_the_questions(self, evaluator: Evaluator) -> None:
        asked = [
            Question(
                f"q{n}", "acme" if n % 3 else "other", "gate", 1, b'{"n":1,"said":[%d]}' % n, 200 + n % 2, 0
            )
            for n in range(200)
        ]
        answers = await evaluator.evaluate(asked)
        assert [answer.id for answer in answers] == [question.id for question in asked]
        assert results(answers) == [{"allow": True, "violations": [n]} for n in range(200)]

    async def test_an_undecided_policy_is_an_error_and_no_decision(self, evaluator: Evaluator) -> None:
        answers = await evaluator.evaluate([ask("undecided", b'{"n":0}'), ask("undecided")])
        assert results(answers) == ["undefined", {"allow": True}]
        assert answers[0].result is None

    async def test_a_version_that_a_newer_bundle_lacks_is_undefined(self, evaluator: Evaluator) -> None:
        (answer,) = await evaluator.evaluate([ask("gate", version=2, confirmed=REVISION - 1)])
        assert results([answer]) == ["undefined"]

    async def test_a_version_confirmed_by_a_newer_bundle_is_not_loaded(self, evaluator: Evaluator) -> None:
        asked = [ask("gate", version=2, confirmed=REVISION + 1), ask("gate")]
        assert results(await evaluator.evaluate(asked)) == ["not_loaded", ALLOWED]

    async def test_a_version_that_is_there_answers_whatever_revision_confirmed_it(
        self, evaluator: Evaluator
    ) -> None:
        assert results(await evaluator.evaluate([ask("gate", confirmed=REVISION + 1)])) == [ALLOWED]

    async def test_conflicting_rules_cost_no_neighbour_its_decision(self, evaluator: Evaluator) -> None:
        answers = await evaluator.evaluate([*NEIGHBOURS[:10], ask("conflict", b'{"n":0}'), *NEIGHBOURS[10:]])
        assert results(answers) == [*DECISIONS[:10], "evaluation_error", *DECISIONS[10:]]
        assert "conflict" in answers[10].detail

    async def test_a_division_by_zero_costs_no_other_input_of_its_policy_its_decision(
        self, evaluator: Evaluator
    ) -> None:
        asked = [ask("division", b'{"n":%d}' % (n % 5)) for n in range(20)]
        expected = ["evaluation_error" if n % 5 == 0 else {"allow": True} for n in range(20)]
        assert results(await evaluator.evaluate(asked)) == expected

    async def test_a_slow_rule_costs_no_neighbour_its_decision(self, evaluator: Evaluator) -> None:
        asked = [ask("slow", b"{}"), *NEIGHBOURS, ask("slow", SLOW_DOCUMENT), ask("slow", b"{}")]
        expected: list[object] = [{"allow": True}, *DECISIONS, "timeout", {"allow": True}]
        assert results(await evaluator.evaluate(asked)) == expected
