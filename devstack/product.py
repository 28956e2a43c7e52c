"""The product's own processes and the steps before them, as data."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from devstack.addresses import Addresses
from devstack.component import Component
from devstack.layout import PROJECT_ROOT, Layout
from devstack.servers.http_check import answers_ok
from devstack.settings import PROCESS_READY_SECONDS
from devstack.steps import Steps


@dataclass(frozen=True, slots=True)
class Process:
    """A kind of process. `arguments` follow the Python interpreter; `check` is the path to ask.

    A `numbered` one may run several times, as `worker-0`, `worker-1`, …
    """

    name: str
    arguments: tuple[str, ...]
    check: Literal["live", "metrics"]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A program that runs to its end before the processes start; steps of one phase run side by side."""

    name: str
    arguments: tuple[str, ...]


# They start and stop side by side.
PROCESSES: Final = (
    Process("sink", ("-m", "audit_sink"), "metrics"),
    Process("notary", ("-m", "audit_sink.notary"), "metrics"),
    Process("bundles", ("-m", "agents.bundles"), "live"),
    Process(
        "worker", ("-m", "faust", "-A", "agents.app", "worker", "--without-web"), "metrics", numbered=True
    ),
    Process("background", ("-m", "agents.background"), "metrics"),
    Process("replay", ("-m", "agents.replay"), "metrics"),
    Process("sink-api", ("-m", "audit_sink.api"), "live"),
    Process("api", ("-m", "projections.api"), "live"),
)
STEPS: Final = (
    Step("migrations", ("-m", "projections.migrations")),
    Step("audit-migrations", ("-m", "audit_sink.migrations")),
    Step("topics", ("-m", "client.cli", "topics", "apply")),
)


def instances(workers: int) -> tuple[tuple[str, Process], ...]:
    """Every process to run, by instance name."""
    return tuple(
        (name, process)
        for process in PROCESSES
        for name in (
            (f"{process.name}-{number}" for number in range(workers)) if process.numbered else (process.name,)
        )
    )


def component(
    layout: Layout,
    name: str,
    process: Process,
    addresses: Addresses,
    environment: Mapping[str, str],
    identity: str,
) -> Component:
    """One process of the product as a component of the stack."""
    listens = {
        "bundles": addresses.bundle_listen,
        "sink-api": addresses.sink_api_listen,
        "api": addresses.api_listen,
    }
    path = "/live" if process.check == "live" else "/metrics"
    address = listens[name] if process.check == "live" else addresses.metrics_listen[name]
    return Component(
        name=name,
        kind="process",
        address=f"http://{address}",
        port=int(address.rpartition(":")[2]),
        log=layout.log(name),
        folder=PROJECT_ROOT,
        prepare=partial(_command, process),
        check=partial(answers_ok, f"http://{address}{path}"),
        identity=identity,
        ready_seconds=PROCESS_READY_SECONDS,
        environment={**environment, "PYTHONUNBUFFERED": "1"},
    )


def step_command(step: Step) -> tuple[str, ...]:
    """The command line of a step."""
    return (sys.executable, *step.arguments)


def _command(process: Process, _steps: Steps) -> tuple[str, ...]:
    return (sys.executable, *process.arguments)
