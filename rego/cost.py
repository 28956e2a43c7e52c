"""How long a version evaluates, measured at its submission. Finding: ``too_slow``."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from rego.binary import OutOfBounds, run
from rego.findings import FILE, Failed, Finding
from rego.loaded import Loaded, Place, data_document
from rego.opa import Opa, folder_of

ENDINGS: Final = frozenset({0, 1, 2})
"""Exit statuses of ``opa eval``: 2 where the query itself failed."""

REPEATS: Final = 3
"""Most measurements of one input that seems too slow; the fastest counts, the machine may be busy."""

GRACE_MS: Final = 500
"""Milliseconds beyond twice one input's timeout at which a measurement is given up."""

_HINT: Final = "Look values up by key instead of searching lists; or ask for more time (timeout_ms)."


@dataclass(frozen=True, slots=True)
class Cost:
    """``inputs`` that could be evaluated, and an upper bound of the time on one of them."""

    inputs: int
    slowest_us: int | None


class _EvaluationFailed(Exception):
    """The rules conflict on an input, or the like."""


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Measures a version, as OPA would load it, against its timeout."""

    opa: Opa
    loaded: Loaded
    place: Place
    budget_ms: int

    async def measured(self, inputs: Sequence[bytes]) -> Cost:
        """The cost on JSON documents; raises :class:`rego.findings.Failed` where one is over the budget.

        All are evaluated at once: while that stays within the budget, so does each. Else the slow one is
        narrowed down. An input whose evaluation fails costs nothing and counts for nothing.
        """
        cost = await self._bound(inputs)
        if self._is_over(cost.slowest_us):
            took = f"{(cost.slowest_us or 0) / 1000:.1f} ms"
            message = f"an input takes {took} to evaluate, the policy's timeout is {self.budget_ms} ms"
            raise Failed(Finding(FILE, 0, 0, "too_slow", message, _HINT))
        return cost

    def _is_over(self, took_us: int | None) -> bool:
        return took_us is not None and took_us > self.budget_ms * 1000

    async def _bound(self, inputs: Sequence[bytes]) -> Cost:
        if not inputs:
            return Cost(0, None)
        single = len(inputs) == 1
        try:
            took = await self._least_us(inputs, REPEATS if single else 1)
        except _EvaluationFailed:
            if single:
                return Cost(0, None)
        else:
            if single or not self._is_over(took):
                return Cost(len(inputs), took)
        middle = len(inputs) // 2
        first = await self._bound(inputs[:middle])
        if self._is_over(first.slowest_us):
            return first
        second = await self._bound(inputs[middle:])
        slowest = [each.slowest_us for each in (first, second) if each.slowest_us is not None]
        return Cost(first.inputs + second.inputs, max(slowest, default=None))

    async def _least_us(self, inputs: Sequence[bytes], repeats: int) -> int:
        """The least time that some inputs took; measured again only while it is over the budget."""
        took = await self._took_us(inputs)
        if not self._is_over(took) or repeats == 1:
            return took
        return min(took, await self._least_us(inputs, repeats - 1))

    async def _took_us(self, inputs: Sequence[bytes]) -> int:
        most_ms = 2 * self.budget_ms + GRACE_MS
        path = "data" + "".join(f"[{json.dumps(part)}]" for part in self.place)
        # Counted, not printed: a decision may hold what no JSON reader takes.
        query = f"count([d | some q in data.inputs; d := {path}.decision with input as q])"
        files = {"data.json": data_document({self.place: self.loaded.data})}
        files["inputs.json"] = b'{"inputs":[' + b",".join(inputs) + b"]}"
        for number, text in enumerate((self.loaded.module, *(text for _, text in self.loaded.modules))):
            files[f"{number}.rego"] = text.encode()
        arguments = ["eval", "--format", "json", "--metrics", "--timeout", f"{most_ms}ms"]
        for name in files:
            arguments += ["--data", name]
        try:
            with folder_of(files) as folder:
                ended = await run(self.opa.binary, (*arguments, query), folder, self.opa.limits, ENDINGS)
        except OutOfBounds:
            return most_ms * 1000
        answer = orjson.loads(ended.out)
        if any(error.get("code") == "eval_cancel_error" for error in answer.get("errors", ())):
            return most_ms * 1000
        if "result" not in answer:
            raise _EvaluationFailed
        return int(answer["metrics"]["timer_rego_query_eval_ns"]) // 1000
