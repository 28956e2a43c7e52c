"""Judging inputs with a module that is loaded nowhere."""

import orjson

from rego.binary import BinaryLimits
from rego.findings import Accepted
from rego.rewrite import loaded_package
from rego.simulation import Judged, Simulation
from rego.submission import Checker

LIMITS = BinaryLimits(cpu_s=10, wall_s=20)
SOURCE = """\
package gate

default allow := false

allow if input.score > 0.5

violations contains "score too low" if input.score <= 0.5

violations contains msg if {
    some name in input.missing
    msg := sprintf("%s is missing", [name])
}

decision := {"allow": allow, "violations": violations} if not input.silent
"""
CLASH = "package gate\n\nallow := true if input.a\n\nallow := false if input.b\n"


async def judged(checker: Checker, binary: str, source: str, *documents: object) -> list[Judged]:
    accepted = await checker.check("acme", "p", 1, source)
    assert isinstance(accepted, Accepted), accepted
    inputs = [orjson.dumps(document) for document in documents]
    return await Simulation(binary, accepted.module, loaded_package("acme", "p", 1), LIMITS).judge(inputs)


async def test_answers_come_in_the_order_of_the_inputs(checker: Checker, opa_binary: str) -> None:
    documents = [{"score": n % 2, "missing": [str(n)]} for n in range(20)]
    found = await judged(checker, opa_binary, SOURCE, *documents)
    assert [each.allow for each in found] == [n % 2 == 1 for n in range(20)]
    assert found[0].reasons == ("0 is missing", "score too low")


async def test_an_undefined_decision_is_no_answer(checker: Checker, opa_binary: str) -> None:
    found = await judged(checker, opa_binary, SOURCE, {"score": 1}, {"silent": True}, {"score": 1})
    assert [each.allow for each in found] == [True, None, True]
    assert found[1].reasons == ("undefined",)


async def test_an_input_that_fails_costs_no_other_its_answer(checker: Checker, opa_binary: str) -> None:
    found = await judged(checker, opa_binary, CLASH, {"a": 1}, {"a": 1, "b": 1}, {"b": 1})
    assert [each.allow for each in found] == [True, None, False]
    assert "conflict" in found[1].reasons[0]


async def test_no_inputs_are_no_answers(checker: Checker, opa_binary: str) -> None:
    assert await judged(checker, opa_binary, SOURCE) == []
