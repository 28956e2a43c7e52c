"""Fixtures of the client's tests."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import devstack
from client.broker import Broker
from tests.client.shell import Shell

REGO = """\
package aumos.test.gate

import rego.v1

default allow := false

allow if input.score > 0.8

violations contains "score too low" if not allow
"""


@pytest.fixture(scope="session")
def broker(stack: devstack.Stack) -> Broker:
    """The stack's Kafka."""
    return Broker(stack.environment()["AUMOS_KAFKA_BOOTSTRAP_SERVERS"])


@pytest.fixture(scope="session")
def system() -> Iterator[devstack.Stack]:
    """Servers and the product's processes. ``AUMOS_STACK_DIR`` names a stack to use; it is left running."""
    named = os.environ.get("AUMOS_STACK_DIR")
    # Not below pytest's own folder: another run closes it to the unprivileged user of PostgreSQL.
    folder = Path(named or tempfile.mkdtemp(prefix="governance-system-"))
    try:
        yield devstack.up(devstack.Options(state_dir=folder))
    finally:
        if not named:
            devstack.down(folder, purge=True)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    return Shell(monkeypatch, tmp_path)


@pytest.fixture
def environment(system: devstack.Stack) -> dict[str, str]:
    return system.environment()


@pytest.fixture
def tenant() -> str:
    """A tenant of its own for each test."""
    return f"t-{uuid4().hex[:10]}"
