"""The whole demonstration, from starting the stack to the exit code."""

import asyncio
from pathlib import Path
from typing import Final, TextIO

import httpx
import orjson
from aiokafka.errors import KafkaError
from rich.console import Console

import devstack
from client.errors import GovernanceError
from devstack.demo.demonstration import Clock, Demonstration
from devstack.demo.document import document
from devstack.demo.errors import DemoFailed
from devstack.demo.facts import Facts
from devstack.demo.postgres import ERRORS
from devstack.demo.register import read_register
from devstack.demo.report import show
from devstack.demo.scenario import SEED, Scenario
from devstack.demo.servers import Servers
from devstack.layout import default_state_dir

COMMANDS: Final = 20_000
"""Commands of a run: some seconds of work on two cores."""


def run(
    console: Console | None = None,
    *,
    commands: int = COMMANDS,
    keep: bool = False,
    seed: int = SEED,
    state_dir: Path | None = None,
    json_output: TextIO | None = None,
) -> int:
    """Runs the scenario on the embedded stack and prints the report; 0 only if everything held.

    A stack that ran before, and with ``keep`` any, is left running. With ``json_output`` the report goes
    there as one JSON document, and ``console`` shows progress and errors only. Raises ValueError for fewer
    than :data:`~devstack.demo.scenario.MINIMUM` commands.
    """
    scenario = Scenario.of(read_register(), commands, seed)
    console = console or Console()
    folder = state_dir or default_state_dir()
    keep = keep or _runs(folder)
    clock = Clock()
    try:
        with clock.part("start"), devstack.ConsoleProgress(console) as progress:
            stack = devstack.up(devstack.Options(state_dir=folder), progress)
        demonstration = Demonstration.new(Servers.of(stack), scenario, console, clock)
        facts = asyncio.run(demonstration.carry_out())
    except _FAILURES as error:
        _report_failure(console, error)
        return 1
    finally:
        if not keep:
            with clock.part("stop"), devstack.ConsoleProgress(console) as progress:
                devstack.down(folder, progress=progress)
    _report(console, facts, clock, json_output)
    return 0 if facts.holds else 1


_FAILURES: Final = (
    devstack.StackError,
    GovernanceError,
    DemoFailed,
    httpx.HTTPError,
    KafkaError,
    OSError,
    *ERRORS,
)
"""What can keep the report from being made; anything else is a defect of the demo."""


def _runs(folder: Path) -> bool:
    """Whether anything of a stack runs in the folder."""
    try:
        return any(each.state is devstack.State.RUNNING for each in devstack.status(folder))
    except devstack.StackAbsent:
        return False


def _report(console: Console, facts: Facts, clock: Clock, json_output: TextIO | None) -> None:
    if json_output is None:
        show(console, facts, clock.seconds)
    else:
        json_output.write(
            orjson.dumps(document(facts, clock.seconds), option=orjson.OPT_INDENT_2).decode() + "\n"
        )


def _report_failure(console: Console, error: Exception) -> None:
    text = str(error) or type(error).__name__
    console.print(
        f"the demonstration stopped: {text}", style="red", markup=False, highlight=False, soft_wrap=True
    )
