"""What the stack knows of each server and process, whatever its kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from signal import SIGTERM
from typing import Literal

from devstack.accounts import Account
from devstack.settings import STOP_GRACE_SECONDS
from devstack.steps import Steps

Kind = Literal["infrastructure", "process"]


class State(StrEnum):
    """`stopped`: never started, or stopped on purpose. `crashed`: started, and gone without being asked."""

    RUNNING = "running"
    STOPPED = "stopped"
    CRASHED = "crashed"


class NotReady(Exception):
    """Raised by a health check while the component does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Component:
    """How to start one component, see that it works, and stop it.

    `prepare` makes data folder and configuration, `check` raises `NotReady` until it answers, `settle` does
    what the first answer makes possible (databases, bucket), `NotReady` again when it cannot yet. All may be
    repeated without harm.
    `port` is where its own process must listen before `check` counts: another program may answer there.
    `address` never contains a password. `identity` is what a running component must have been started with:
    where it differs, `up` starts it anew.
    """

    name: str
    kind: Kind
    address: str
    port: int
    log: Path
    folder: Path
    prepare: Callable[[Steps], tuple[str, ...]]
    check: Callable[[], Awaitable[None]]
    ready_seconds: float
    identity: str = ""
    settle: Callable[[], Awaitable[None]] | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    account: Account | None = None
    stop_signal: int = SIGTERM
    grace_seconds: float = STOP_GRACE_SECONDS
