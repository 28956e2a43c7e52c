"""Patience, solitude and intake: who waits for what, and for how long."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import pytest

from agents.errors import Conflict, LaneRewound, Outage
from agents.lanes.intake import MAX_WAITING_BATCHES, Intake
from agents.lanes.patience import CONFLICT_PAUSE_S, FIRST_PAUSE_S, LONGEST_PAUSE_S, Patience
from agents.lanes.pipeline import IN_FLIGHT
from agents.lanes.solitude import Solitude
from agents.records import CommandRecord
from tests.agents.commands import evaluate, resources_in
from tests.agents.simulation.scenario import FIRST
from tests.agents.simulation.worker import Worker
from tests.agents.simulation.world import World


class Naps:
    """A sleep that takes no time and remembers how long it was."""

    def __init__(self) -> None:
        self.lengths: list[float] = []
        self.seen: list[str | None] = []
        self.patience: Patience | None = None

    async def __call__(self, seconds: float) -> None:
        self.lengths.append(seconds)
        self.seen.append(self.patience.outage if self.patience else None)
        await asyncio.sleep(0)


def failing(times: int, error: Exception) -> Callable[[], Awaitable[str]]:
    left = [times]

    async def work() -> str:
        if left[0]:
            left[0] -= 1
            raise error
        return "done"

    return work


async def test_an_outage_is_waited_out_with_growing_capped_pauses_and_shown_meanwhile() -> None:
    naps, told = Naps(), list[str]()
    naps.patience = patience = Patience(told.append, naps)
    assert await patience.through(failing(12, Outage("the database is away"))) == "done"
    assert len(told) == len(naps.lengths) == 12
    limits = [min(FIRST_PAUSE_S * 2**n, LONGEST_PAUSE_S) for n in range(12)]
    assert all(limit / 2 <= nap <= limit for nap, limit in zip(naps.lengths, limits, strict=True))
    assert set(naps.seen) == {"the database is away"}
    assert patience.outage is None


async def test_a_lost_race_is_tried_again_at_once_and_is_no_outage() -> None:
    naps = Naps()
    naps.patience = patience = Patience(lambda _: None, naps)
    assert await patience.through(failing(5, Conflict("deadlock"))) == "done"
    assert max(naps.lengths) <= CONFLICT_PAUSE_S
    assert set(naps.seen) == {None}


async def test_what_no_retry_cures_comes_through() -> None:
    with pytest.raises(LaneRewound):
        await Patience(lambda _: None, Naps()).through(failing(1, LaneRewound("gone")))


async def test_the_success_of_one_caller_does_not_hide_the_outage_of_another() -> None:
    back = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await back.wait()

    patience = Patience(lambda _: None, sleep)
    waiting = asyncio.create_task(patience.through(failing(1, Outage("OPA is away"))))
    await asyncio.sleep(0)
    assert await patience.through(failing(0, Outage("never"))) == "done"
    assert patience.outage == "OPA is away"
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert patience.outage is None


async def test_one_alone_has_nobody_beside_and_newcomers_wait() -> None:
    solitude, beside, log = Solitude(), 0, list[str]()

    async def together(name: str) -> None:
        nonlocal beside
        async with solitude.together():
            beside += 1
            log.append(name)
            await asyncio.sleep(0.001)
            beside -= 1

    async def alone(name: str) -> None:
        async with solitude.alone():
            log.append(name)
            for _ in range(5):
                assert beside == 0
                await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(together("a"))
        group.create_task(together("b"))
        await asyncio.sleep(0)
        group.create_task(alone("suspect 1"))
        group.create_task(alone("suspect 2"))
        await asyncio.sleep(0)
        group.create_task(together("newcomer"))
    assert log == ["a", "b", "suspect 1", "suspect 2", "newcomer"]


async def test_one_that_gives_up_waiting_to_be_alone_keeps_nobody_out() -> None:
    solitude = Solitude()

    async def alone() -> None:
        async with solitude.alone():
            pass

    async with solitude.together():
        waiting = asyncio.create_task(alone())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(1), solitude.together():
            pass
    async with asyncio.timeout(1):
        await alone()


BATCH = 4
WAIT_S = 0.01


def collecting(world: World, count: int) -> tuple[Intake, Worker, list[CommandRecord]]:
    for number, resource in enumerate(resources_in(FIRST, count)):
        world.send(evaluate(resource), f"e-{number}")
    worker = world.start()
    world.run(0.1)
    log = [record for record in world.servers.broker.commands[FIRST] if record]
    return Intake(worker.pipelines["evaluation"], BATCH, WAIT_S), worker, log


async def deliver(intake: Intake, records: Sequence[CommandRecord], done: list[int]) -> None:
    for record in records:
        await intake.deliver(record, partial(done.append, record.offset))


def test_records_are_collected_while_the_pipeline_is_full_and_acknowledged_one_by_one(world: World) -> None:
    intake, worker, log = collecting(world, (IN_FLIGHT + 2) * BATCH)
    done: list[int] = []
    acknowledgement = worker.points.slow("publish")
    feeding = world.loop.create_task(intake.run())
    delivering = world.loop.create_task(deliver(intake, log, done))
    world.run(0.5)
    assert delivering.done()
    assert done == []
    assert worker.points.trace.count("after commit") == IN_FLIGHT
    draining = world.loop.create_task(intake.drain())
    acknowledgement.set()
    world.run(0.5)
    assert done == [record.offset for record in log]
    assert draining.done()
    assert worker.points.trace.count("after commit") == IN_FLIGHT + 2, "full batches"
    feeding.cancel()


def test_an_idle_family_waits_only_a_moment_for_a_batch_to_grow(world: World) -> None:
    intake, worker, log = collecting(world, 2)
    done: list[int] = []
    feeding = world.loop.create_task(intake.run())
    world.loop.run_until_complete(deliver(intake, log, done))
    world.run(WAIT_S / 2)
    assert "begin" not in worker.points.trace
    world.run(WAIT_S)
    assert done == [0, 1]
    assert worker.points.trace.count("begin") == 1
    feeding.cancel()


def test_deliveries_wait_while_too_much_is_collected(world: World) -> None:
    bound = MAX_WAITING_BATCHES * BATCH
    intake, _, log = collecting(world, bound + 1)
    done: list[int] = []
    delivering = world.loop.create_task(deliver(intake, log, done))
    world.run(0.5)
    assert not delivering.done()
    feeding = world.loop.create_task(intake.run())
    world.run(0.5)
    assert delivering.done()
    assert done == list(range(bound + 1))
    feeding.cancel()
