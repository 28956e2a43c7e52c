"""How many requests questions cost, and who shares them: over a transport in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
import pytest

from agents.opa.errors import AskFailed, Broken, Late, Refused, Unreached
from agents.opa.evaluator import BatchEvaluator
from agents.opa.ports import Question
from agents.opa.process import Process
from agents.opa.settings import Limits
from agents.opa.shards import opa_names, shard_of

Item = dict[str, object]


@dataclass(slots=True)
class Opa:
    """Allows everything, at revision 7, but for the items that ``fails`` gives an error for."""

    fails: Callable[[Item], AskFailed | None] = lambda item: None
    revision: int = 7
    pause_s: float = 0.0
    asked: list[list[Item]] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    probes: int = 0
    running: int = 0
    most_running: int = 0

    async def ask(self, body: bytes, timeout_s: float) -> bytes:
        items: list[Item] = orjson.loads(body)["input"]["items"]
        if not items:
            self.probes += 1
            return orjson.dumps({"result": {}})
        self.asked.append(items)
        self.timeouts.append(timeout_s)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        await asyncio.sleep(self.pause_s)
        self.running -= 1
        for item in items:
            if (error := self.fails(item)) is not None:
                raise error
        results = {str(n): {"allow": True} for n, item in enumerate(items) if item["p"] != "absent"}
        provenance = {"bundles": {"governance": {"revision": str(self.revision)}}}
        return orjson.dumps({"result": results, "provenance": provenance})


def over(*opas: Opa, limits: Limits | None = None) -> BatchEvaluator:
    chosen = limits or Limits(retry_pause_s=0.001)
    names = opa_names(len(opas))
    return BatchEvaluator([Process(n, opa, chosen) for n, opa in zip(names, opas, strict=True)], chosen)


def question(
    policy_id: str = "p", n: int = 0, timeout_ms: int = 50, tenant: str = "acme", confirmed: int = 0
) -> Question:
    return Question(str(n), tenant, policy_id, 1, b'{"n":%d}' % n, timeout_ms, confirmed)


def slow(policy_id: str, n: int | None = None) -> Callable[[Item], AskFailed | None]:
    """Too slow for any deadline: one input of a policy, or all of them."""

    def fails(item: Item) -> AskFailed | None:
        hit = item["p"] == policy_id and (n is None or item["doc"] == {"n": n})
        return Late("late") if hit else None

    return fails


def policies(opa: Opa) -> list[set[object]]:
    return [{item["p"] for item in items} for items in opa.asked]


async def test_questions_travel_64_a_request() -> None:
    opa = Opa()
    await over(opa).evaluate([question(f"p{n % 3}", n) for n in range(200)])
    assert [len(items) for items in opa.asked] == [64, 64, 64, 8]


async def test_a_document_travels_byte_for_byte() -> None:
    bodies: list[bytes] = []

    class Recording(Opa):
        async def ask(self, body: bytes, timeout_s: float) -> bytes:
            bodies.append(body)
            return await Opa.ask(self, body, timeout_s)

    document = b'{ "n" : 1.10000000000000000000000000001, "\\u00e9":12345678901234567890123 }'
    await over(Recording()).evaluate([Question("1", "acme", "p", 4, document, 50, 0)])
    assert bodies == [b'{"input":{"items":[{"t":"acme","p":"p","v":"v4","doc":' + document + b"}]}}"]


async def test_at_most_three_requests_are_in_flight_to_one_process() -> None:
    opa = Opa(pause_s=0.002)
    evaluator = over(opa)
    asked = [question("p", n) for n in range(640)]
    await asyncio.gather(evaluator.evaluate(asked), evaluator.evaluate(asked))
    assert (len(opa.asked), opa.most_running) == (20, 3)


async def test_a_tenant_is_asked_at_its_own_process_alone() -> None:
    opas = [Opa(), Opa(), Opa()]
    tenants = [f"tenant-{n}" for n in range(60)]
    answers = await over(*opas).evaluate([question(tenant=tenant) for tenant in tenants])
    names = opa_names(3)
    assert [answer.opa for answer in answers] == [shard_of(tenant, names) for tenant in tenants]
    assert all(opa.asked for opa in opas)


async def test_a_long_timeout_does_not_widen_a_neighbours() -> None:
    opa = Opa()
    await over(opa).evaluate([question("p", n, timeout_ms=50 if n % 2 else 5_000) for n in range(10)])
    assert sorted((timeout, len(items)) for timeout, items in zip(opa.timeouts, opa.asked, strict=True)) == [
        (0.05, 5),
        (5.0, 5),
    ]


async def test_a_batch_with_one_slow_input_is_split_by_version_then_singly() -> None:
    opa = Opa(slow("b", 7))
    asked = [question("a" if n < 5 else "b", n) for n in range(10)]
    answers = await over(opa).evaluate(asked)
    assert [answer.error for answer in answers] == [""] * 7 + ["timeout"] + [""] * 2
    assert [len(items) for items in opa.asked] == [10, 5, 5, 1, 1, 1, 1, 1]
    assert opa.probes > 0


async def test_a_version_found_slow_costs_its_neighbours_nothing_from_then_on() -> None:
    opa = Opa(slow("b"))
    evaluator = over(opa)
    asked = [question("a", 1), question("b", 2), question("a", 3)]
    await evaluator.evaluate(asked)
    opa.asked.clear()
    answers = await evaluator.evaluate(asked)
    assert [answer.error for answer in answers] == ["", "timeout", ""]
    assert sorted(policies(opa), key=str) == [{"a"}, {"b"}]


async def test_an_isolation_ends() -> None:
    opa = Opa(slow("b", 2))
    evaluator = over(opa, limits=Limits(isolation_s=0.01))
    await evaluator.evaluate([question("a", 1), question("b", 2)])
    await asyncio.sleep(0.02)
    opa.asked.clear()
    await evaluator.evaluate([question("a", 1), question("b", 3)])
    assert policies(opa) == [{"a", "b"}]


async def test_batches_that_waited_leave_out_what_was_found_slow_meanwhile() -> None:
    opa = Opa(slow("b"), pause_s=0.005)
    evaluator = over(opa, limits=Limits(batch_items=2, in_flight=1))
    asked = [question("b" if n % 2 else "a", n) for n in range(12)]
    answers = await evaluator.evaluate(asked)
    assert [answer.error for answer in answers] == ["", "timeout"] * 6
    mixed = [found for found in policies(opa) if len(found) == 2]
    assert len(mixed) < 6


async def test_a_version_whose_every_input_is_slow_uses_up_a_bounded_number_of_timeouts() -> None:
    opa = Opa(slow("b"))
    answers = await over(opa, limits=Limits(single_timeouts=3)).evaluate(
        [question("b", n) for n in range(60)]
    )
    assert {answer.error for answer in answers} == {"timeout"}
    assert [len(items) for items in opa.asked] == [60, 1, 1, 1]
    assert "not asked" in answers[-1].detail


async def test_a_refused_batch_is_split_until_the_culprit_is_alone() -> None:
    def fails(item: Item) -> AskFailed | None:
        return Refused("eval_conflict_error") if item["doc"] == {"n": 3} else None

    opa = Opa(fails)
    answers = await over(opa).evaluate([question("a" if n < 8 else "b", n) for n in range(10)])
    assert [n for n, answer in enumerate(answers) if answer.error] == [3]
    assert (answers[3].error, answers[3].detail) == ("evaluation_error", "eval_conflict_error")
    assert opa.probes == 0


async def test_an_input_that_ends_the_process_ends_it_for_its_neighbours_once() -> None:
    opa = Opa(lambda item: Broken("connection reset") if item["p"] == "b" else None)
    answers = await over(opa).evaluate([question("a", 1), question("b", 2), question("c", 3)])
    assert [answer.error for answer in answers] == ["", "unreachable", ""]
    assert [found for found in policies(opa) if "b" in found and len(found) > 1] == [{"a", "b", "c"}]


async def test_a_process_that_is_away_is_tried_until_the_deadline() -> None:
    attempts: list[int] = []

    def fails(item: Item) -> AskFailed | None:
        attempts.append(1)
        return Unreached("refused") if len(attempts) < 4 else None

    (answer,) = await over(Opa(fails)).evaluate([question(timeout_ms=1_000)])
    assert (answer.error, len(attempts)) == ("", 4)


async def test_only_what_is_missing_is_asked_again_of_an_older_bundle() -> None:
    opa = Opa()

    def fails(item: Item) -> AskFailed | None:
        if item["p"] == "absent" and len(opa.asked) > 3:
            opa.revision = 9
        return None

    opa.fails = fails
    asked = [question("a"), question("absent", confirmed=9, timeout_ms=1_000), question("b")]
    answers = await over(opa).evaluate([asked[0], *asked[1:]])
    assert [answer.error for answer in answers] == ["", "undefined", ""]
    assert answers[1].revision == 9
    assert {"absent"} in policies(opa)
    assert policies(opa).count({"a", "b"}) == 1


@pytest.mark.parametrize("moved", range(1, 6))
def test_one_more_process_moves_only_the_tenants_that_it_takes(moved: int) -> None:
    before, after = opa_names(moved), opa_names(moved + 1)
    tenants = [f"tenant-{n}" for n in range(500)]
    changed = {shard_of(t, after) for t in tenants if shard_of(t, before) != shard_of(t, after)}
    assert changed == {after[-1]}
