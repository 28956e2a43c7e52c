"""`python -m bench [part ...] [--quick]`: measures, prints one table, writes bench/results.

Exit code 0: measured and verified, whatever the figures are; 1: something failed or is not as it
should be, and no figure of this run counts; 2: wrong usage.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from functools import partial
from types import FrameType
from typing import Final, Literal, get_args

import uvloop
from rich.console import Console

import bench.activation as activation
import bench.baseline as baseline
import bench.evaluation as evaluation
import bench.latency as latency
import bench.ledger as ledger
import bench.ledger_latency as ledger_latency
import bench.noisy as noisy
import bench.reads as reads
import bench.replay as replay
import bench.wall_append as wall_append
import bench.whole_path as whole_path
from bench.errors import BenchError
from bench.figures import Part
from bench.machine import shape
from bench.policies import activate
from bench.report import show, write
from bench.settings import FULL, QUICK, RESULTS, Sizes
from bench.system import Addresses, own, product, servers
from client.errors import GovernanceError
from devstack import ConsoleProgress, Progress, Stack, StackError

Name = Literal[
    "whole-path",
    "latency",
    "wall-append",
    "reads",
    "replay",
    "activation",
    "evaluation",
    "noisy",
    "ledger",
    "ledger-latency",
]
PARTS: Final[tuple[Name, ...]] = get_args(Name)
OWN_SYSTEMS: Final[frozenset[Name]] = frozenset({"activation", "evaluation", "noisy"})


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    wanted: tuple[Name, ...] = tuple(options.part) or PARTS
    console = Console()
    try:
        with ConsoleProgress(console) as progress:
            parts = _measure(wanted, QUICK if options.quick else FULL, options.workers, console, progress)
    except (BenchError, StackError, GovernanceError) as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted", style="yellow")
        return 130
    machine = shape()
    name = "latest" if set(wanted) == set(PARTS) else f"latest-{'-'.join(wanted)}"
    show(console, parts, machine)
    for path in write(RESULTS, name, parts, machine):
        console.print(f"written: {path}", style="dim", soft_wrap=True)
    return 0


def _measure(
    wanted: Sequence[Name], sizes: Sizes, workers: int | None, console: Console, progress: Progress
) -> list[Part]:
    parts: list[Part] = []
    say = partial(_say, console)
    say("machine", shape())
    parts += _on_own_systems(wanted, sizes, progress, say)
    if not set(wanted) - OWN_SYSTEMS:
        return parts
    with servers(progress) as stack:
        parts += _on_servers(wanted, stack, sizes, say)
        parts += _on_product(wanted, stack, sizes, workers, progress, say)
    return parts


def _on_own_systems(
    wanted: Sequence[Name], sizes: Sizes, progress: Progress, say: "partial[None]"
) -> list[Part]:
    """The parts that bring up what they need for themselves."""
    parts: list[Part] = []
    if "activation" in wanted:
        with own(progress, activation.OPAS) as stack:
            told = partial(say, "activation")
            parts.append(uvloop.run(activation.measure(Addresses.of(stack), stack, sizes, told)))
    if "evaluation" in wanted:
        parts.append(uvloop.run(evaluation.measure(sizes, partial(say, "evaluation"))))
    if "noisy" in wanted:
        with own(progress, noisy.OPAS) as stack:
            parts.append(uvloop.run(noisy.measure(Addresses.of(stack), stack, sizes, partial(say, "noisy"))))
    return parts


def _on_servers(wanted: Sequence[Name], stack: Stack, sizes: Sizes, say: "partial[None]") -> list[Part]:
    """The parts that need databases and Kafka, and none of the product's processes."""
    parts: list[Part] = []
    addresses = Addresses.of(stack)
    if "wall-append" in wanted:
        parts.append(uvloop.run(wall_append.measure(addresses, stack, sizes, partial(say, "wall append"))))
    if "reads" in wanted:
        parts.append(uvloop.run(reads.measure(addresses, stack, sizes, partial(say, "lists"))))
    if "ledger" in wanted:
        parts.append(uvloop.run(ledger.measure(addresses, stack, sizes, partial(say, "ledger"))))
    return parts


def _on_product(
    wanted: Sequence[Name],
    stack: Stack,
    sizes: Sizes,
    workers: int | None,
    progress: Progress,
    say: "partial[None]",
) -> list[Part]:
    """The parts that need the whole product; two of them are held against the baseline, one against it."""
    parts: list[Part] = []
    live = 0.0
    if not {"whole-path", "latency", "ledger-latency", "replay"} & set(wanted):
        return parts
    addresses = Addresses.of(stack)
    reference = None
    if {"whole-path", "latency"} & set(wanted):
        reference = uvloop.run(baseline.measure(addresses, sizes, partial(say, "baseline")))
    with product(stack, progress, workers) as running:
        uvloop.run(activate(addresses))
        if reference is not None and "whole-path" in wanted:
            told = partial(say, "whole path")
            parts.append(uvloop.run(whole_path.measure(addresses, running, reference, sizes, told)))
            live = parts[-1].figures[0].ours
        if reference is not None and "latency" in wanted:
            parts.append(uvloop.run(latency.measure(addresses, reference, sizes, partial(say, "latency"))))
        if "ledger-latency" in wanted:
            told = partial(say, "ledger latency")
            parts.append(uvloop.run(ledger_latency.measure(addresses, sizes, told)))
        if "replay" in wanted and not live:
            live = uvloop.run(whole_path.live(addresses, running, sizes))
    if "replay" in wanted:
        parts.append(uvloop.run(replay.measure(addresses, stack, live, sizes, partial(say, "replay"))))
    return parts


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("part", nargs="*", type=_part, help=f"{', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything works")
    parser.add_argument("--workers", type=int, help="number of worker processes; default: the stack's")
    return parser


def _part(text: str) -> Name:
    for name in PARTS:
        if text == name:
            return name
    raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(PARTS)}")


def _say(console: Console, what: str, text: str) -> None:
    console.print(f"  {what}: {text}", style="dim", markup=False, highlight=False, soft_wrap=True)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupted)
    sys.exit(main())
