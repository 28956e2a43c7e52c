"""The fake under the contract."""

import pytest

from agents.opa.fake import FakeEvaluator
from tests.policies.evaluator_contract import EvaluatorContract, results
from tests.policies.loaded import ask, fake


class TestFakeEvaluator(EvaluatorContract):
    @pytest.fixture
    def evaluator(self) -> FakeEvaluator:
        return fake()

    async def test_a_fake_that_is_down_is_unreachable(self, evaluator: FakeEvaluator) -> None:
        evaluator.down = True
        answers = await evaluator.evaluate([ask("gate"), ask("slow", b"{}")])
        assert results(answers) == ["unreachable", "unreachable"]
        assert {answer.opa for answer in answers} == {""}
