"""The system under measurement: a stack of its own, or the one that AUMOS_STACK_DIR names."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import devstack
from devstack import Options, Progress, Stack, State
from devstack.servers.postgres import AUDIT
from projections.tokens import mint
from schemas.identity import OPERATOR_TENANT

TOKEN_S = 3_600
"""Lifetime of the bench's tokens, in seconds: longer than any run."""

PATIENT: Final = {"AUMOS_GOVERNANCE_BUNDLE_CONFIRM_TIMEOUT_S": "120"}
"""An activation on a busy machine is slow, not given up: the bench tells how slow."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """How to reach the servers; never printed, because they hold credentials."""

    kafka: str
    primary: str = field(repr=False)
    """The primary server as superuser, database of the product."""
    audit: str = field(repr=False)
    """The audit server as superuser, database of the product."""
    sink_url: str
    token: str = field(repr=False)
    """Reads everything from the sink."""

    @classmethod
    def of(cls, stack: Stack) -> "Addresses":
        """The addresses of a stack."""
        own = stack.environment("cli")
        scopes = ("audit:read", "audit:all")
        return cls(
            kafka=own["AUMOS_KAFKA_BOOTSTRAP_SERVERS"],
            primary=stack.superuser_dsn(),
            audit=stack.superuser_dsn(AUDIT),
            sink_url=own["AUMOS_GOVERNANCE_SINK_API_URL"],
            token=mint(own["AUMOS_GOVERNANCE_TOKEN_KEY"], OPERATOR_TENANT, "bench", scopes, TOKEN_S),
        )


@contextmanager
def servers(progress: Progress) -> Iterator[Stack]:
    """A stack with its servers running and the product's processes stopped.

    Leaves running afterwards what was running before, and nothing else.
    """
    named = os.environ.get("AUMOS_STACK_DIR")
    if named:
        with _as_before(Path(named), progress) as stack:
            yield stack
        return
    with tempfile.TemporaryDirectory(prefix="aumos-bench-", ignore_cleanup_errors=True) as folder:
        try:
            yield devstack.up(Options(infrastructure_only=True, state_dir=Path(folder)), progress)
        finally:
            devstack.down(Path(folder), purge=True)


@contextmanager
def own(progress: Progress, opas: int) -> Iterator[Stack]:
    """A whole system of the bench's own, whatever AUMOS_STACK_DIR names; nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="aumos-bench-", ignore_cleanup_errors=True) as folder:
        try:
            yield devstack.up(Options(opas=opas, settings=PATIENT, state_dir=Path(folder)), progress)
        finally:
            devstack.down(Path(folder), purge=True)


@contextmanager
def product(stack: Stack, progress: Progress, workers: int | None = None) -> Iterator[Stack]:
    """The stack with the product's processes running, too; stopped again afterwards."""
    started = devstack.up(Options(workers=workers, state_dir=stack.layout.root), progress)
    try:
        yield started
    finally:
        _stop_processes(started)


@contextmanager
def _as_before(folder: Path, progress: Progress) -> Iterator[Stack]:
    before = _running(folder)
    stack = devstack.up(Options(infrastructure_only=True, state_dir=folder), progress)
    _stop_processes(stack)
    try:
        yield stack
    finally:
        if not before:
            devstack.down(folder)
        elif any(each.kind == "process" and each.name in before for each in stack.components):
            devstack.up(Options(state_dir=folder), progress)


def _running(folder: Path) -> frozenset[str]:
    try:
        found = devstack.status(folder)
    except devstack.StackAbsent:
        return frozenset()
    return frozenset(each.name for each in found if each.state is State.RUNNING)


def _stop_processes(stack: Stack) -> None:
    for each in reversed(stack.components):
        if each.kind == "process":
            stack.stop(each.name)
