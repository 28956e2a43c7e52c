"""Activation and rollback while decisions go on, with many policies loaded, beside OPA's own PUT.

From the command's send to the first decision by the new version, as a consumer of the events sees it.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from threading import Event
from time import perf_counter
from typing import Final

import devstack
from bench import loaded, moving
from bench.baseline import Say
from bench.commands import ACTOR
from bench.evidence import Before, verify
from bench.figures import Figure, Part, Target
from bench.kafka import WallProgress
from bench.machine import memory_of
from bench.order import activations, check_order
from bench.put import Put, puts
from bench.settings import INPUT_BYTES, Sizes
from bench.stream import CHANGE_S, Stream
from bench.system import Addresses
from client.governance import GovernanceClient
from client.outcome import Decided
from devstack import Stack
from devstack.together import together

COUNTS: Final = (100, 1_000, 4_000)
"""Loaded policies."""

OPAS: Final = 8

TENANTS: Final = tuple(f"move-{number:02}" for number in range(20))
"""Each has one policy that moves; they are spread over all OPA processes."""

RATE: Final = 200
"""Decisions a second that are asked while changes are timed."""

ORDER_RATE: Final = 400
"""Decisions a second while the order is checked."""

REST_S: Final = 0.5
"""Seconds between two changes that are timed."""

MUST_ACTIVATE: Final = Target("ours", "most", 1_000)
MUST_WORST: Final = Target("ours", "most", 200)
MUST_ROLL_BACK: Final = Target("ours", "most", 100)
GOAL_ROLL_BACK: Final = Target("ours", "most", 30)


@dataclass(frozen=True, slots=True)
class Move:
    """One activation and the rollback after it, in ms; ``worst_ms`` is the slowest decision meanwhile."""

    activate_ms: float
    worst_ms: float
    roll_back_ms: float


async def measure(addresses: Addresses, stack: Stack, sizes: Sizes, say: Say) -> Part:
    """The figures, on a running stack of the bench's own with :data:`OPAS` OPA processes.

    Raises the errors of :mod:`bench.errors`.
    """
    figures: list[Figure] = []
    remarks: list[str] = []
    connection = GovernanceClient.connect(addresses.kafka, TENANTS[0], ACTOR, source=moving.SOURCE)
    async with connection as client:
        # Two activations to begin with, one at each count and once more, and every second change.
        versions = 2 + len(COUNTS) + 1 + -(-sizes.changes // len(TENANTS) // 2)
        movers = await moving.movers(client, TENANTS, versions)
        for _ in range(2):
            await moving.activate_all(movers)
        held = 0
        for count in COUNTS:
            await loaded.fill(addresses, held, count)
            held = count
            await loaded.settled(stack, held)
            moves = await _moves(addresses, movers[: sizes.moves])
            reference = await asyncio.to_thread(puts, count, 1 if count == COUNTS[-1] else 3)
            figures += _figures(count, OPAS, moves, reference)
            remarks.append(f"{count:,} policies, {OPAS} OPA processes: {_spread(moves)}; {_memory(stack)}")
            say(remarks[-1])
        remarks.append(await _in_order(addresses, movers, sizes))
        say(remarks[-1])
        remarks.append(await asyncio.to_thread(_cold_start, stack, held))
        say(remarks[-1])
        single = await asyncio.to_thread(devstack.up, devstack.Options(opas=1, state_dir=stack.layout.root))
        await loaded.settled(single, held)
        moves = await _moves(addresses, movers[: sizes.moves // 2])
        figures += _figures(held, 1, moves, reference)
        remarks.append(f"{held:,} policies, 1 OPA process: {_spread(moves)}; {_memory(single)}")
        say(remarks[-1])
    return Part(tuple(figures), tuple(remarks))


async def _moves(addresses: Addresses, movers: Sequence[moving.Mover]) -> list[Move]:
    """One activation and one rollback of each, one after the other, while all are asked."""
    found = []
    async with Stream.flowing(addresses.kafka, TENANTS, moving.asker(), RATE) as stream:
        await asyncio.sleep(2 * REST_S)
        for mover in movers:
            stream.watched = [mover.tenant]
            activated, worst = await _timed(stream, mover, mover.activate)
            rolled_back, _ = await _timed(stream, mover, mover.roll_back)
            found.append(Move(activated, worst, rolled_back))
    check_order(stream.due, stream.decisions, await activations(addresses))
    return found


async def _timed(
    stream: Stream, mover: moving.Mover, change: Callable[[], Awaitable[Decided]]
) -> tuple[float, float]:
    """Milliseconds of a change, and of the slowest decision that was due meanwhile."""
    await asyncio.sleep(REST_S)
    began = perf_counter()
    await change()
    first = await stream.first(mover.tenant, mover.active, began)
    return (first.at - began) * 1e3, await stream.slowest_ms(began, first.at)


async def _in_order(addresses: Addresses, movers: Sequence[moving.Mover], sizes: Sizes) -> str:
    """Many changes at once under a stream of decisions, every one of which is checked."""
    before = await Before.read(addresses)
    began = perf_counter()
    async with (
        WallProgress.connect(addresses.kafka) as wall,
        Stream.flowing(addresses.kafka, TENANTS, moving.asker(), ORDER_RATE) as stream,
    ):
        changes = await moving.churn(stream, movers, sizes.changes)
        await stream.until(lambda: len(stream.decisions) >= sizes.ordered, CHANGE_S)
        seconds = perf_counter() - began
        await stream.end()
        await wall.wait(before.sequences, len(stream.sent))
    seen = check_order(stream.due, stream.decisions, await activations(addresses))
    await verify(addresses, before, stream.sent)
    return (
        f"order: {len(stream.decisions):,} decisions during {changes} activations and rollbacks in "
        f"{seconds:.0f} s, {seen:,} changes of version seen in lanes; none lost, doubled or mixed"
    )


def _cold_start(stack: Stack, held: int) -> str:
    """Every OPA process without what it kept, and the bundle service without what it had read."""
    names = [each.name for each in stack.components if each.name.startswith("opa-")]
    for name in ("bundles", *names):
        stack.stop(name)
    for name in names:
        shutil.rmtree(stack.layout.data(name))
    began = perf_counter()
    together([partial(stack.start, name) for name in ("bundles", *names)], Event())
    asyncio.run(loaded.settled(stack, held))
    seconds = perf_counter() - began
    return f"cold start: {held:,} policies are served by {len(names)} OPA processes after {seconds:.1f} s"


def _figures(count: int, opas: int, moves: Sequence[Move], reference: Sequence[Put]) -> list[Figure]:
    where = f"{count:,} policies, {opas} OPA process{'es' if opas > 1 else ''}"
    hard = (count, opas) == (COUNTS[-1], OPAS)
    conditions = (
        f"{where}, {RATE} decisions/s meanwhile, {INPUT_BYTES}-byte inputs, {len(moves)} changes; "
        "fsync on, acks=all. Reference: PUT /v1/policies to one OPA that holds as many"
    )

    def figure(name: str, ours: float, theirs: float, must: Target | None, goal: Target | None) -> Figure:
        title = f"{name}, {where}"
        return Figure(title, ours, theirs, "ms", must if hard else None, goal, True, conditions)

    took = median(put.ms for put in reference)
    return [
        figure("activation", median(each.activate_ms for each in moves), took, MUST_ACTIVATE, None),
        figure(
            "slowest decision while activating",
            max(each.worst_ms for each in moves),
            max(put.worst_ms for put in reference),
            MUST_WORST,
            None,
        ),
        figure("rollback", median(each.roll_back_ms for each in moves), took, MUST_ROLL_BACK, GOAL_ROLL_BACK),
    ]


def _spread(moves: Sequence[Move]) -> str:
    activated = sorted(each.activate_ms for each in moves)
    rolled = sorted(each.roll_back_ms for each in moves)
    worst = sorted(each.worst_ms for each in moves)
    return (
        f"activation {activated[0]:.0f} to {activated[-1]:.0f} ms, slowest decision "
        f"{worst[0]:.0f} to {worst[-1]:.0f} ms, rollback {rolled[0]:.0f} to {rolled[-1]:.0f} ms"
    )


def _memory(stack: Stack) -> str:
    found = memory_of(stack, "opa-")
    return f"OPA {min(found):.0f} to {max(found):.0f} MB a process, {sum(found):.0f} MB together"
