"""Fixtures of the client's tests."""

from pathlib import Path

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


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    return Shell(monkeypatch, tmp_path)
