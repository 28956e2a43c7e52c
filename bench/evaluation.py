"""Decisions a second through the evaluation port, beside OPA asked one decision at a time.

One OPA process with many policies, no Kafka and no database: what batches are worth by themselves.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import orjson

from agents.opa.evaluator import BatchEvaluator
from agents.opa.http import http_evaluator
from agents.opa.ports import Question
from bench import wrk
from bench.baseline import Say
from bench.figures import Figure, Part, Target, expect
from bench.loaded import names
from bench.machine import seconds_of
from bench.put import holding
from bench.settings import CLIENTS, EVALUATION_TIMEOUT_MS, INPUT_BYTES, Sizes

POLICIES: Final = 1_000
"""Loaded policies, all of which are asked in turns."""

CALL: Final = 500
"""Questions of one call: the most commands that a worker decides in one transaction."""

MUST: Final = Target("ratio", "least", 3)
GOAL: Final = Target("ratio", "least", 5)

SCRIPT: Final = """
local paths = {%s}
local body = '{"input":%s}'
local number = 0
request = function()
  number = number %% #paths + 1
  return wrk.format("POST", paths[number], {["Content-Type"] = "application/json"}, body)
end
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one way did in one turn; ``cpu_us`` are microseconds of OPA and of who asks, a decision."""

    rate: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Run:
    """Both ways in one turn."""

    ours: Turn
    reference: Turn
    same_path: Turn
    """The reference where it asks the same policy again and again, whose query OPA keeps prepared."""

    @property
    def ratio(self) -> float:
        """Ours over the reference, in decisions a second."""
        return self.ours.rate / self.reference.rate


async def measure(sizes: Sizes, say: Say) -> Part:
    """The figure; raises the errors of :mod:`bench.errors`."""
    program = wrk.find_wrk()
    runs = []
    with holding(POLICIES) as (url, opa), tempfile.TemporaryDirectory(prefix="aumos-bench-wrk-") as folder:
        one, every = (_script(folder, policies) for policies in (1, POLICIES))
        async with http_evaluator([url]) as evaluator:
            await _ours(evaluator, opa, 1)
            best = max(CLIENTS, key=lambda clients: _wrk(program, every, url, opa, clients, 2).rate)
            for _ in range(sizes.turns):
                ours = await _ours(evaluator, opa, sizes.turn_s)
                reference = _wrk(program, every, url, opa, best, sizes.turn_s)
                same = _wrk(program, one, url, opa, best, sizes.turn_s)
                runs.append(Run(ours, reference, same))
                say(f"{_text(ours)}; one at a time {_text(reference)}; one policy alone {_text(same)}")
    return _part(runs, best)


async def _ours(evaluator: BatchEvaluator, opa: int, seconds: int) -> Turn:
    """The port, call after call as a worker's pipeline makes them."""
    calls = [_questions(first) for first in range(0, POLICIES, CALL)]
    spent, began = _cpu(opa), perf_counter()
    done = 0
    while perf_counter() - began < seconds:
        answers = await evaluator.evaluate(calls[done // CALL % len(calls)])
        for answer in answers:
            expect(not answer.error, f"the evaluator answers {answer.error}: {answer.detail}")
            expect(answer.result == _DECISION, f"a decision is {answer.result!r}")
        done += len(answers)
    return Turn(done / (perf_counter() - began), (_cpu(opa) - spent) / done * 1e6)


def _cpu(opa: int) -> float:
    return seconds_of(opa) + seconds_of(os.getpid())


def _questions(first: int) -> list[Question]:
    return [
        Question(str(number), tenant, name, 1, _DOCUMENT, EVALUATION_TIMEOUT_MS, 0)
        for number, (tenant, name) in enumerate(names(first + CALL)[first:])
    ]


def _script(folder: str, policies: int) -> Path:
    """What makes wrk ask so many policies in turns, by OPA's plain API, one decision a request."""
    asked = [(tenant, name.replace(" ", "%20")) for tenant, name in names(policies)]
    paths = ",".join(f'"/v1/data/tenants/{tenant}/{name}/v1/decision"' for tenant, name in asked)
    script = Path(folder, f"{policies}.lua")
    script.write_text(SCRIPT % (paths, _DOCUMENT.decode()), encoding="utf-8")
    return script


def _wrk(program: str, script: Path, url: str, opa: int, clients: int, seconds: int) -> Turn:
    spent = _cpu(opa)
    found = wrk.run(program, clients, seconds, script, url)
    return Turn(found.rate, (_cpu(opa) - spent) / found.answers * 1e6)


def _text(turn: Turn) -> str:
    return f"{turn.rate:.0f}/s at {turn.cpu_us:.0f} µs of CPU"


def _part(runs: Sequence[Run], clients: int) -> Part:
    middle = sorted(runs, key=lambda run: run.ratio)[len(runs) // 2]
    ratios = ", ".join(f"{run.ratio:.2f}" for run in runs)
    figure = Figure(
        name="evaluation",
        ours=middle.ours.rate,
        reference=middle.reference.rate,
        unit="decisions/s",
        must=MUST,
        goal=GOAL,
        verified=True,
        conditions=(
            f"one OPA process with {POLICIES:,} policies asked in turns, {INPUT_BYTES}-byte inputs, calls of "
            f"{CALL} questions, the median of {len(runs)} turns. Reference: wrk, {clients} clients, one "
            "decision a POST on the policy's own path"
        ),
    )
    same = median(run.ours.rate / run.same_path.rate for run in runs)
    cpu = [median(turn.cpu_us for turn in turns) for turns in zip(*map(_turns, runs), strict=True)]
    return Part(
        (figure,),
        (
            f"evaluation: ratios of the turns {ratios}; {same:.2f} where wrk asks one policy alone",
            (
                f"evaluation, µs of CPU a decision, OPA and who asks: {cpu[0]:.0f}; one at a time "
                f"{cpu[1]:.0f}, one policy alone {cpu[2]:.0f}"
            ),
        ),
    )


def _turns(run: Run) -> tuple[Turn, Turn, Turn]:
    return run.ours, run.reference, run.same_path


def _document() -> bytes:
    model = {"risk_level": "high", "has_explainability_report": True, "explainability_score": 0.9, "pad": ""}
    missing = INPUT_BYTES - len(orjson.dumps({"model": model}))
    return orjson.dumps({"model": {**model, "pad": "s" * missing}})


_DOCUMENT: Final = _document()
_DECISION: Final = b'{"allow":true,"violations":[]}'
