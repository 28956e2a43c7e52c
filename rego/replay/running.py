"""One replay: inputs in pages, answers compared, and a verdict on whether they can be trusted."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from time import perf_counter
from typing import Final

from rego.replay.comparing import Case, Comparison, Verdict
from rego.replay.judged import Answer, NoAnswer
from rego.replay.opa import Replayed, ReplayOpa, replay_opa
from schemas.models import ReplayReport

PIECE: Final = 250
"""Inputs of one request: beyond it nothing gets faster, and a failing one has more neighbours."""

AT_ONCE: Final = 4
"""Requests under way: two cores decide while answers are compared and the next inputs read."""

VERDICT_CASES: Final = 1_000
"""Inputs of the first page that are decided again."""

CANDIDATE: Final = "candidate"
DECIDING: Final = "deciding"

Pages = AsyncIterator[Sequence[Case]]
Progress = Callable[[int], None]
"""Told how many inputs are done."""


async def replay(
    binary: str,
    candidate: Replayed,
    deciding: tuple[int, Replayed] | None,
    pages: Pages,
    comparison: Comparison,
    progress: Progress = lambda done: None,
) -> ReplayReport:
    """Decides the cases with the candidate and reports what would change.

    ``deciding`` is the version that decides now, which must make its own recorded answers again. Raises
    :class:`rego.replay.opa.TooSlow` and :class:`rego.CheckUnavailable`.
    """
    began = perf_counter()
    first: list[Case] = []
    answers: list[Answer] = []

    def done(cases: Sequence[Case], found: Sequence[Answer]) -> None:
        comparison.take(cases, found)
        if (room := VERDICT_CASES - len(first)) > 0:
            first.extend(cases[:room])
            answers.extend(found[:room])
        progress(comparison.decisions)

    async with replay_opa(binary, {CANDIDATE: candidate}) as opa:
        await _through(opa, pages, done)
    verdict = await _verdict(binary, candidate, deciding, first, answers)
    return comparison.report(verdict, round((perf_counter() - began) * 1000))


async def _through(
    opa: ReplayOpa, pages: Pages, done: Callable[[Sequence[Case], Sequence[Answer]], None]
) -> None:
    under_way: deque[tuple[Sequence[Case], asyncio.Task[list[Answer]]]] = deque()
    try:
        async for piece in _ahead(pages):
            if len(under_way) == AT_ONCE:
                cases, task = under_way.popleft()
                done(cases, await task)
            documents = [case.document for case in piece]
            under_way.append((piece, asyncio.create_task(opa.answers(CANDIDATE, documents))))
        while under_way:
            cases, task = under_way.popleft()
            done(cases, await task)
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)


async def _ahead(pages: Pages) -> AsyncIterator[Sequence[Case]]:
    """Pieces of the pages; the next page is read while this one is decided."""

    async def read() -> Sequence[Case] | None:
        return await anext(pages, None)

    reading = asyncio.create_task(read())
    try:
        while (page := await reading) is not None:
            reading = asyncio.create_task(read())
            for piece in _pieces(page):
                yield piece
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _pieces(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    for start in range(0, len(cases), PIECE):
        yield cases[start : start + PIECE]


async def _verdict(
    binary: str,
    candidate: Replayed,
    deciding: tuple[int, Replayed] | None,
    cases: Sequence[Case],
    answers: Sequence[Answer],
) -> Verdict:
    """Decides some cases again, the last one first, in a process that knows nothing of the first time."""
    recorded = [case for case in cases if deciding is not None and case.version == deciding[0]]
    versions = {CANDIDATE: candidate}
    if deciding is not None:
        versions[DECIDING] = deciding[1]
    async with replay_opa(binary, versions) as opa:
        again = await _backwards(opa, CANDIDATE, cases)
        made = await _backwards(opa, DECIDING, recorded)
    otherwise = [
        case.name
        for case, one, two in zip(cases, answers, again, strict=True)
        if one != two and not (_late(one) or _late(two))
    ]
    # Messages of failures name places that differ between a batch and one input.
    missed = [
        case.name
        for case, answer in zip(recorded, made, strict=True)
        if answer != case.answer and not (isinstance(answer, NoAnswer) and isinstance(case.answer, NoAnswer))
    ]
    return Verdict(len(cases), otherwise, len(recorded) - len(missed), missed)


async def _backwards(opa: ReplayOpa, name: str, cases: Sequence[Case]) -> list[Answer]:
    found: list[Answer] = []
    for piece in _pieces(cases[::-1]):
        found += await opa.answers(name, [case.document for case in piece])
    return found[::-1]


def _late(answer: Answer) -> bool:
    return isinstance(answer, NoAnswer) and answer.error == "timeout"
