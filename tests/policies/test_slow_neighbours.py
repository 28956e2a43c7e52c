"""What a slow version may cost other tenants, on a clock of the test's own."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import wraps
from random import Random

import orjson
import pytest

from agents.opa.errors import Late
from agents.opa.evaluator import BatchEvaluator
from agents.opa.ports import Answer, Question
from agents.opa.process import Process
from agents.opa.settings import Limits
from agents.opa.shards import opa_names, shard_of
from agents.opa.shares import BESIDE_S, CONSISTENT, LATELY_S, Pace, Shares

LIMITS = Limits()
QUICK_S, SLOW_S = 0.004, 0.15
TIMEOUT_MS = 200
A = ("a", "slow", 1)


class Clock(selectors.DefaultSelector):
    """Waiting costs no time: the clock is set to the moment that was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        self.now += 0 if ready or timeout is None else timeout
        return ready


class Loop(asyncio.SelectorEventLoop):
    """Runs on such a clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.time = clock  # type: ignore[method-assign]


@dataclass(slots=True)
class Opa:
    """Takes as long for a request as its slowest item, on the clock; ``empty_s`` for an empty one."""

    clock: Clock
    takes_s: Callable[[str], float]
    empty_s: float = 0.001
    asked: list[set[str]] = field(default_factory=list)
    given_up: int = 0

    async def ask(self, body: bytes, timeout_s: float) -> bytes:
        items = orjson.loads(body)["input"]["items"]
        if items:
            self.asked.append({item["p"] for item in items})
        takes_s = max((self.takes_s(item["p"]) for item in items), default=self.empty_s)
        try:
            await asyncio.sleep(min(takes_s, timeout_s))
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if takes_s > timeout_s:
            raise Late("late")
        provenance = {"bundles": {"governance": {"revision": "1"}}}
        results = {str(n): {"allow": True} for n in range(len(items))}
        return orjson.dumps({"result": results, "provenance": provenance})

    def times(self, policy_id: str) -> int:
        return sum(policy_id in asked for asked in self.asked)


def on_the_clock(test: Callable[..., Coroutine[object, object, None]]) -> Callable[..., None]:
    """Runs a test on its clock."""

    @wraps(test)
    def run(clock: Clock, **parameters: object) -> None:
        with asyncio.Runner(loop_factory=lambda: Loop(clock)) as runner:
            runner.run(test(clock, **parameters))

    return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("agents.opa.evaluator.perf_counter", found)
    return found


def over(opa: Opa) -> BatchEvaluator:
    return BatchEvaluator([Process("opa-0", opa, LIMITS)], LIMITS)


def asked(tenant: str, policy_id: str, count: int = 1) -> list[Question]:
    return [Question(policy_id, tenant, policy_id, 1, b"{}", TIMEOUT_MS, 0) for _ in range(count)]


SLOW, QUICK = asked("a", "slow"), [*asked("b", "quick-1", 3), *asked("c", "quick-2", 3)]


def errors(answers: list[Answer], policy_id: str) -> list[str]:
    return [answer.error for answer in answers if answer.id == policy_id]


async def rounds(
    evaluator: BatchEvaluator, clock: Clock, questions: list[Question], seconds: float
) -> list[Answer]:
    """The same call every tenth of a second, or as soon as the last one is answered."""
    end, answers = clock.now + seconds, []
    while clock.now < end:
        due = clock.now + 0.1
        answers += await evaluator.evaluate(questions)
        await asyncio.sleep(due - clock.now)
    return answers


@pytest.mark.parametrize("slow_s", [SLOW_S, 60.0], ids=["near its timeout", "over its timeout"])
@on_the_clock
async def test_a_slow_version_holds_others_up_for_its_share_and_no_longer(
    clock: Clock, slow_s: float
) -> None:
    opa = Opa(clock, lambda policy_id: slow_s if policy_id == "slow" else QUICK_S)
    evaluator = over(opa)
    await rounds(evaluator, clock, QUICK, 1.0)
    answers = await rounds(evaluator, clock, [*SLOW, *QUICK], 10.0)
    assert set(errors(answers, "quick-1") + errors(answers, "quick-2")) == {""}
    assert opa.times("slow") <= 5
    assert errors(answers, "slow").count("timeout") > 70


@on_the_clock
async def test_a_slow_version_is_asked_always_where_nobody_else_asks(clock: Clock) -> None:
    opa = Opa(clock, lambda _: SLOW_S)
    answers = await rounds(over(opa), clock, SLOW, 10.0)
    assert set(errors(answers, "slow")) == {""}
    assert opa.times("slow") == len(answers)


@on_the_clock
async def test_the_others_travel_together_again_once_the_slow_one_is_found(clock: Clock) -> None:
    opa = Opa(clock, lambda policy_id: SLOW_S if policy_id == "slow" else QUICK_S)
    evaluator = over(opa)
    await rounds(evaluator, clock, [*SLOW, *QUICK], 3.0)
    opa.asked.clear()
    await evaluator.evaluate([*SLOW, *QUICK])
    assert {"quick-1", "quick-2"} in opa.asked
    assert {"slow", "quick-1"} not in [each & {"slow", "quick-1"} for each in opa.asked]


@on_the_clock
async def test_a_batch_that_one_version_holds_up_is_given_up_before_its_timeout(clock: Clock) -> None:
    opa = Opa(clock, lambda policy_id: SLOW_S if policy_id == "slow" else QUICK_S)
    began = clock.now
    answers = await over(opa).evaluate([*SLOW, *QUICK])
    assert {answer.error for answer in answers} == {""}
    assert (opa.given_up, opa.times("slow"), len(opa.asked)) == (1, 2, 4)
    assert clock.now - began < LIMITS.held_s + SLOW_S + 0.02


@on_the_clock
async def test_a_batch_goes_on_where_the_process_itself_is_slow(clock: Clock) -> None:
    opa = Opa(clock, lambda _: SLOW_S, empty_s=SLOW_S)
    answers = await over(opa).evaluate([*SLOW, *QUICK])
    assert {answer.error for answer in answers} == {""}
    assert opa.asked == [{"slow", "quick-1", "quick-2"}]


@on_the_clock
async def test_on_a_busy_machine_nobody_is_refused(clock: Clock) -> None:
    """Everything is slow then; that is no version's fault."""
    opa = Opa(clock, lambda _: SLOW_S)
    answers = await rounds(over(opa), clock, [*SLOW, *QUICK], 20.0)
    assert {answer.error for answer in answers} == {""}


@pytest.mark.parametrize("stalls", [0.02, 0.1, 0.2, 0.5])
@on_the_clock
async def test_requests_that_stall_now_and_then_are_no_versions_fault(clock: Clock, stalls: float) -> None:
    rng = Random(20_260_501)
    opa = Opa(clock, lambda _: rng.uniform(0.05, 0.19) if rng.random() < stalls else QUICK_S)
    answers = await rounds(over(opa), clock, [*SLOW, *QUICK], 120.0)
    assert {answer.error for answer in answers} == {""}


@on_the_clock
async def test_a_process_that_is_slow_itself_makes_nobody_slow(clock: Clock) -> None:
    """It loads a bundle, for example, while the other processes answer at once."""
    names = opa_names(12)
    tenants = [f"t{n}" for n in range(48)]
    opas = [Opa(clock, lambda _: SLOW_S), *(Opa(clock, lambda _: QUICK_S) for _ in names[1:])]
    processes = [Process(name, opa, LIMITS) for name, opa in zip(names, opas, strict=True)]
    evaluator = BatchEvaluator(processes, LIMITS)
    questions = [each for tenant in tenants for each in asked(tenant, f"p-{tenant}", 2)]
    assert {shard_of(tenant, names) for tenant in tenants} == set(names)
    answers = await rounds(evaluator, clock, questions, 60.0)
    assert {answer.error for answer in answers} == {""}


@on_the_clock
async def test_a_version_that_is_quick_again_is_asked_again(clock: Clock) -> None:
    slow = {"slow"}
    opa = Opa(clock, lambda policy_id: SLOW_S if policy_id in slow else QUICK_S)
    evaluator = over(opa)
    await rounds(evaluator, clock, [*SLOW, *QUICK], 5.0)
    slow.clear()
    clock.now += LIMITS.slow_burst_s / LIMITS.slow_rate
    assert {answer.error for answer in await rounds(evaluator, clock, [*SLOW, *QUICK], 2.0)} == {""}


def slow(shares: Shares, seconds: float, now: float) -> None:
    for _ in range(CONSISTENT):
        shares.slow(A, seconds / CONSISTENT, now, late=False)


def test_slow_once_and_quick_again_is_an_accident() -> None:
    shares = Shares(burst_s=0.5, rate=0.05)
    shares.asked(["a", "b"], 0.0)
    for _ in range(9):
        for _ in range(CONSISTENT - 1):
            shares.slow(A, 10.0, 0.0, late=False)
        shares.quick(A)
    assert not shares.used_up(A, 0.0)


def test_a_second_timeout_is_no_accident() -> None:
    shares = Shares(burst_s=0.5, rate=0.05)
    shares.asked(["a", "b"], 0.0)
    shares.slow(A, 1.0, 0.0, late=True)
    assert not shares.used_up(A, 0.0)
    shares.slow(A, 1.0, 0.0, late=True)
    assert shares.used_up(A, 0.0)


def test_a_debt_is_paid_back_with_time() -> None:
    shares = Shares(burst_s=0.5, rate=0.05)
    shares.asked(["a", "b"], 0.0)
    slow(shares, 0.6, 0.0)
    assert shares.used_up(A, 1.9)
    assert not shares.used_up(A, 2.1)


def test_who_asked_long_ago_is_held_up_by_nobody() -> None:
    shares = Shares(burst_s=0.5, rate=0.05)
    shares.asked(["b"], 0.0)
    shares.asked(["a"], BESIDE_S + 0.1)
    slow(shares, 0.6, BESIDE_S + 0.1)
    assert not shares.used_up(A, BESIDE_S + 0.1)
    shares.asked(["b"], BESIDE_S + 0.2)
    slow(shares, 0.6, BESIDE_S + 0.2)
    assert shares.used_up(A, BESIDE_S + 0.2)


def paced(*seconds: float, tenant: str = "b", process: str = "opa-0") -> Pace:
    found = Pace(slow_s=0.05)
    for each in seconds:
        found.note(process, frozenset({tenant}), each, 0.0)
    return found


def test_slow_is_measured_against_the_slowest_request_of_others_to_the_process() -> None:
    pace = paced(*[0.005] * 19, 0.2)
    assert pace.excess_s("opa-0", "a", 0.44, 1.0) == 0
    assert pace.excess_s("opa-0", "a", 0.46, 1.0) == pytest.approx(0.26)
    assert paced(*[0.0] * 8).excess_s("opa-0", "a", 0.05, 1.0) == 0


def test_where_the_process_has_no_others_those_of_all_processes_are_compared() -> None:
    pace = paced(*[0.005] * 19, 0.2, process="opa-1")
    assert pace.excess_s("opa-0", "a", 0.07, 1.0) == pytest.approx(0.065)


def test_nobody_is_called_slow_without_others_to_compare_with() -> None:
    assert paced(*[0.005] * 7).excess_s("opa-0", "a", 5.0, 1.0) == 0
    assert paced(*[0.005] * 8, tenant="a").excess_s("opa-0", "a", 5.0, 1.0) == 0
    assert paced(*[0.005] * 8).excess_s("opa-0", "a", 5.0, LATELY_S + 0.1) == 0
