"""Governed decisions a second: from the command on Kafka to the event published and in the wall."""

from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Final

import bench.kafka as kafka
from bench.baseline import Baseline, Say
from bench.commands import commands
from bench.evidence import Before, verify
from bench.figures import Figure, Part, Target
from bench.machine import Spent, cpu_of
from bench.settings import INPUT_BYTES, SEND_BATCH_BYTES, TENANTS, Sizes
from bench.system import Addresses
from devstack import Stack

MUST: Final = Target("ratio", "least", 8)
GOAL: Final = Target("ratio", "least", 20)


@dataclass(frozen=True, slots=True)
class Run:
    """One load's way: seconds from the first command sent to the last entry in the wall."""

    commands: int
    seconds: float
    spent: Spent

    @property
    def rate(self) -> float:
        """Decisions a second."""
        return self.commands / self.seconds


async def measure(addresses: Addresses, stack: Stack, baseline: Baseline, sizes: Sizes, say: Say) -> Part:
    """The figure; the policies must be active and the system at rest.

    Raises the errors of :mod:`bench.errors`.
    """
    await run(addresses, stack, sizes.warm_up)
    runs = []
    for _ in range(sizes.runs):
        runs.append(await run(addresses, stack, sizes.commands))
        say(f"{runs[-1].rate:.0f} decisions/s; µs of CPU each: {runs[-1].spent.per(sizes.commands)}")
    return _part(runs, baseline, stack.plan.workers, sizes)


async def live(addresses: Addresses, stack: Stack, sizes: Sizes) -> float:
    """Decisions a second of one run, for what is compared with it; as :func:`measure`."""
    await run(addresses, stack, sizes.warm_up)
    return (await run(addresses, stack, sizes.commands)).rate


async def run(addresses: Addresses, stack: Stack, count: int) -> Run:
    """Sends one load as fast as the broker takes it, waits for the wall, and verifies."""
    sent = commands(count)
    before = await Before.read(addresses)
    async with kafka.WallProgress.connect(addresses.kafka) as wall, kafka.writer(addresses.kafka) as producer:
        batches = kafka.batches(producer, sent)
        with cpu_of(stack) as spent:
            began = perf_counter()
            await kafka.send(producer, batches)
            ended = await wall.wait(before.sequences, count)
    await verify(addresses, before, sent)
    return Run(count, ended - began, spent)


def _part(runs: list[Run], baseline: Baseline, workers: int, sizes: Sizes) -> Part:
    best = baseline.best
    conditions = (
        f"{INPUT_BYTES}-byte inputs, {TENANTS} tenants, {workers} workers, median of {len(runs)} runs of "
        f"{sizes.commands} commands, first command sent to last entry in the wall; fsync on, acks=all, "
        f"sent in batches of {SEND_BATCH_BYTES // 1024} KiB, decided in batches of at most 500. "
        f"Reference: synchronous service, {best}"
    )
    rates = sorted(run.rate for run in runs)
    middle = min(runs, key=lambda run: abs(run.rate - median(rates)))
    figure = Figure(
        name="whole path",
        ours=median(rates),
        reference=best.measured.rate,
        unit="decisions/s",
        must=MUST,
        goal=GOAL,
        verified=True,
        conditions=conditions,
    )
    spread = f"whole path: runs between {rates[0]:.0f} and {rates[-1]:.0f} decisions/s"
    cpu = f"whole path, µs of CPU a decision: {middle.spent.per(sizes.commands)}"
    return Part((figure,), (spread, cpu))
