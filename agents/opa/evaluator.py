"""The evaluator over real OPA processes: batches, deadlines, and what one item may cost another.

One request carries many questions, and OPA answers or fails it as a whole. So a batch that fails
is split by policy version, then asked singly, until only the culprits are left with their error;
versions that were found out are asked apart for a while (:mod:`agents.opa.isolation`).
"""

import asyncio
from asyncio import Semaphore
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Final, Literal, cast

from agents.opa.body import Reply, decode_batch, encode_batch
from agents.opa.errors import AskFailed, Broken, Held, Late, Refused, Unreached, Unreadable
from agents.opa.isolation import Isolated, Isolation, VersionKey
from agents.opa.plan import Batch, batches_of, by_version, version_of
from agents.opa.ports import Answer, EvaluationError, Question
from agents.opa.process import Process
from agents.opa.settings import Limits
from agents.opa.shares import Pace, Shares

EMPTY: Final = encode_batch([])
"""The batch without items: whoever answers it is alive."""

USED_UP: Final = "not asked: this version is slow and has used up its share of the time that others wait"

SLOW_PART: Final = 4
"""A version whose own batch takes over 1/SLOW_PART of the timeout is asked apart from now on."""


class BatchEvaluator:
    """An :class:`agents.opa.ports.Evaluator`; open one with :func:`agents.opa.http.http_evaluator`."""

    def __init__(self, processes: Sequence[Process], limits: Limits) -> None:
        self.limits = limits
        self.processes = {process.name: process for process in processes}
        self.names = tuple(self.processes)
        self.isolated = Isolated(limits.isolation_s)
        self.shares = Shares(limits.slow_burst_s, limits.slow_rate)
        self.pace = Pace(limits.slow_s)

    async def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer per question, in order."""
        call = _Call(self, questions)
        self.shares.asked({question.tenant for question in questions}, perf_counter())
        await call.settle_all(call.plan(range(len(questions))))
        return cast("list[Answer]", call.answers)


class _Call:
    """One call's questions and the answers found so far."""

    def __init__(self, evaluator: BatchEvaluator, questions: Sequence[Question]) -> None:
        self.questions = questions
        self.answers: list[Answer | None] = [None] * len(questions)
        self._evaluator = evaluator
        self._limits = evaluator.limits
        self._clock = perf_counter  # uvloop's own clock counts whole milliseconds
        self._started = self._clock()
        self._spent: Counter[VersionKey] = Counter()

    def plan(self, positions: Iterable[int]) -> list[Batch]:
        evaluator = self._evaluator
        return batches_of(self.questions, positions, evaluator.names, self._limits.batch_items, self._how)

    async def settle_all(self, batches: Sequence[Batch]) -> None:
        if len(batches) == 1:
            await self._settle(batches[0])
        elif batches:
            async with asyncio.TaskGroup() as group:
                for batch in batches:
                    group.create_task(self._settle(batch))

    async def _settle(self, batch: Batch) -> None:
        process = self._evaluator.processes[batch.process]
        if batch.isolation != "mixed" and self._used_up(batch):
            self._fail(batch, process, "timeout", USED_UP)
        elif batch.isolation == "single":
            await self._singly(batch, process)
        elif batch.isolation == "grouped":
            await self._together(batch, process, process.apart)
        else:
            await self._together(batch, process, process.shared)

    async def _together(self, batch: Batch, process: Process, slots: Semaphore) -> None:
        """Answers a whole batch, in one request if nothing goes wrong."""
        try:
            await self._request(batch, process, slots)
        except Held as held:
            process.suspect_from = self._clock() + self._limits.suspicion_every_s
            await self._split(batch, process, "timeout", held)
        except (Late, Unreadable) as failed:
            if await self._alive(batch, process):
                error: EvaluationError = "timeout" if isinstance(failed, Late) else "evaluation_error"
                await self._split(batch, process, error, failed)
            else:
                self._fail(batch, process, "unreachable", f"{failed}, nor to an empty batch")
        except Refused as refused:
            await self._split(batch, process, "evaluation_error", refused)
        else:
            await self.settle_all(self.plan(self._left(batch).positions))

    async def _split(self, batch: Batch, process: Process, error: EvaluationError, why: AskFailed) -> None:
        parts = by_version(self.questions, self._left(batch))
        if len(parts) > 1:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(self._part(part, process))
            return
        if len(parts[0].positions) > 1:
            await self._singly(parts[0], process)
        else:
            self._isolate(self._version(parts[0]), "single" if error == "timeout" else "grouped")
            self._fail(parts[0], process, error, str(why))

    async def _part(self, part: Batch, process: Process) -> None:
        """One version's part of a batch that failed."""
        version = self._version(part)
        if (isolation := self._how(version)) != "mixed":
            await self._settle(replace(part, isolation=isolation))
            return
        # In the slot apart, so that the culprit is found before the batches that wait for a shared one.
        await self._together(part, process, process.apart)
        first = self.answers[part.positions[0]]
        if first and first.duration_us * SLOW_PART > part.timeout_ms * 1000:
            self._isolate(version, "grouped")

    async def _singly(self, batch: Batch, process: Process) -> None:
        """Asks one version's questions one by one, until its share of the retries is spent."""
        version = self._version(batch)
        end = self._started + max(self._limits.retry_budget_s, batch.timeout_ms / 1000)
        taken_us = 0
        for position in batch.positions:
            one = replace(batch, isolation="single", positions=(position,))
            if self._spent[version] >= self._limits.single_timeouts or self._clock() > end:
                detail = "not asked: this version has used up the retries of its batch"
                self._fail(one, process, "timeout", detail)
                continue
            if self._used_up(one):
                self._fail(one, process, "timeout", USED_UP)
                continue
            await self._together(one, process, process.apart)
            answer = self.answers[position]
            if answer is not None:
                self._spent[version] += answer.error in _COSTLY
                taken_us += answer.duration_us
        if taken_us > batch.timeout_ms * 1000:
            # No single question is too slow, but a batch of them is.
            self._isolate(version, "single")

    async def _request(self, batch: Batch, process: Process, slots: Semaphore) -> None:
        """Asks until the batch is answered or its deadline for outages has passed.

        Versions that were found out while a mixed batch waited its turn are left open.
        """
        timeout_s = batch.timeout_ms / 1000
        end = 0.0
        while True:
            async with slots:
                batch = self._still_mixed(batch)
                if not batch.positions:
                    return
                started = self._clock()
                end = end or started + timeout_s
                late = False
                try:
                    error, detail = await self._attempt(batch, process, timeout_s, started)
                except Late:
                    late = True
                    raise
                finally:
                    self._timed(batch, process, self._clock() - started, late)
            batch = self._left(batch)
            if not batch.positions:
                return
            if self._clock() + self._limits.retry_pause_s >= end:
                self._fail(batch, process, error, detail)
                return
            await asyncio.sleep(self._limits.retry_pause_s)

    async def _attempt(
        self, batch: Batch, process: Process, timeout_s: float, started: float
    ) -> tuple[EvaluationError, str]:
        """One request; what to say of the questions that it leaves open."""
        asked = [self.questions[position] for position in batch.positions]
        try:
            data = await self._ask(batch, process, encode_batch(asked), timeout_s)
            reply = decode_batch(data, len(asked))
        except Unreached as unreached:
            if isinstance(unreached, Broken):
                self._part_company(batch)
            return "unreachable", str(unreached)
        self._record(batch, reply, int((self._clock() - started) * 1e6), process)
        return "not_loaded", f"the process serves bundle revision {reply.revision}"

    async def _ask(self, batch: Batch, process: Process, body: bytes, timeout_s: float) -> bytes:
        """The answer to one request; raises :class:`Held` where one of several versions keeps the others.

        That it is one of them, and not the process or the machine, an empty batch tells that is quick
        meanwhile.
        """
        ask, held_s = process.transport.ask, self._limits.held_s
        alone = len({version_of(self.questions[position]) for position in batch.positions}) == 1
        if alone or timeout_s <= held_s or self._clock() < process.suspect_from:
            return await ask(body, timeout_s)
        asking = asyncio.create_task(ask(body, timeout_s))
        try:
            await asyncio.wait({asking}, timeout=held_s)
            if not asking.done() and await self._quick(process) and not asking.done():
                raise Held(f"no answer in {held_s * 1000:.0f} ms, though the process is quick")
            return await asking
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)

    async def _quick(self, process: Process) -> bool:
        try:
            await process.transport.ask(EMPTY, self._limits.probe_quick_s)
        except AskFailed:
            return False
        return True

    def _timed(self, batch: Batch, process: Process, took_s: float, late: bool) -> None:
        """Draws the conclusion from how long a request took; ``late``: all of its timeout."""
        evaluator, now = self._evaluator, self._clock()
        versions = {version_of(self.questions[position]) for position in batch.positions}
        if len(versions) == 1:
            (version,) = versions
            if excess_s := evaluator.pace.excess_s(process.name, version[0], took_s, now):
                evaluator.shares.slow(version, excess_s, now, late)
                self._isolate(version, "grouped")
            else:
                evaluator.shares.quick(version)
        evaluator.pace.note(process.name, frozenset(tenant for tenant, _, _ in versions), took_s, now)

    def _used_up(self, batch: Batch) -> bool:
        return self._evaluator.shares.used_up(self._version(batch), self._clock())

    def _record(self, batch: Batch, reply: Reply, duration_us: int, process: Process) -> None:
        for item, position in enumerate(batch.positions):
            question = self.questions[position]
            result = reply.results.get(item)
            error: EvaluationError = ""
            if result is None:
                if not reply.entry or reply.revision < question.confirmed_revision:
                    continue
                error = "undefined"
            detail = "the policy has no decision for this input" if error else ""
            self.answers[position] = Answer(
                question.id, result, error, detail, duration_us, process.name, reply.revision
            )

    async def _alive(self, batch: Batch, process: Process) -> bool:
        try:
            data = await process.transport.ask(EMPTY, max(self._limits.probe_s, batch.timeout_ms / 1000))
            decode_batch(data, 0)
        except AskFailed:
            return False
        return True

    def _still_mixed(self, batch: Batch) -> Batch:
        if batch.isolation != "mixed" or not self._evaluator.isolated:
            return batch
        mixed = [p for p in batch.positions if self._how(version_of(self.questions[p])) == "mixed"]
        return replace(batch, positions=tuple(mixed))

    def _left(self, batch: Batch) -> Batch:
        left = tuple(position for position in batch.positions if self.answers[position] is None)
        return replace(batch, positions=left)

    def _fail(self, batch: Batch, process: Process, error: EvaluationError, detail: str) -> None:
        name = "" if error == "unreachable" else process.name
        for position in self._left(batch).positions:
            self.answers[position] = Answer(
                self.questions[position].id, None, error, detail[:500], 0, name, 0
            )

    def _part_company(self, batch: Batch) -> None:
        """One of these versions may have ended the process: from now on only it would do so again."""
        if len(versions := {version_of(self.questions[position]) for position in batch.positions}) > 1:
            for version in versions:
                self._isolate(version, "grouped")

    def _version(self, batch: Batch) -> VersionKey:
        return version_of(self.questions[batch.positions[0]])

    def _how(self, version: VersionKey) -> Isolation:
        return self._evaluator.isolated.how(version, self._clock())

    def _isolate(self, version: VersionKey, isolation: Literal["grouped", "single"]) -> None:
        self._evaluator.isolated.isolate(version, isolation, self._clock())


_COSTLY: Final = frozenset({"timeout", "unreachable", "not_loaded"})
"""Errors that cost a whole timeout."""
