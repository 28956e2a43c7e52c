"""The embedded stack: real Kafka, two PostgreSQL servers, OPA and S3 on one machine, and the product on them.

    from devstack import Options, up, down, status

    stack = up(Options(infrastructure_only=True))
    stack.environment("worker")["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]
    stack.kill("kafka")
    down()

All calls block; from asynchronous code use `asyncio.to_thread`. `python -m devstack` does the same by hand.
"""

from __future__ import annotations

from pathlib import Path

from devstack.component import State
from devstack.errors import (
    ArtifactRejected,
    ComponentFailed,
    PrerequisiteMissing,
    StackAbsent,
    StackError,
    StepFailed,
    UnknownComponent,
)
from devstack.layout import default_state_dir
from devstack.lifecycle import Options, down, migrate, up
from devstack.needs import Prerequisite, missing, prerequisites, toolchain_needed
from devstack.progress import ConsoleProgress, Progress, Silent
from devstack.running import ComponentStatus
from devstack.stack import Stack

__all__ = [
    "ArtifactRejected",
    "ComponentFailed",
    "ComponentStatus",
    "ConsoleProgress",
    "Options",
    "Prerequisite",
    "PrerequisiteMissing",
    "Progress",
    "Silent",
    "Stack",
    "StackAbsent",
    "StackError",
    "State",
    "StepFailed",
    "UnknownComponent",
    "default_state_dir",
    "down",
    "environment",
    "migrate",
    "missing",
    "prerequisites",
    "status",
    "toolchain_needed",
    "up",
]


def status(state_dir: Path | None = None) -> list[ComponentStatus]:
    """How every component of the stack in the folder is; `StackAbsent` when there is none."""
    return Stack.load(state_dir).status()


def environment(process: str = "cli", state_dir: Path | None = None) -> dict[str, str]:
    """What the stack in the folder sets for a process, a step or the command line; else `StackAbsent`."""
    return Stack.load(state_dir).environment(process)
