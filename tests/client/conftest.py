"""Fixtures of the client's tests."""

from typing import Protocol

import pytest

from client.broker import Broker


class Stack(Protocol):
    """What these tests need of the session's servers."""

    def environment(self, process: str = "cli") -> dict[str, str]:
        """What the stack sets for a process."""


@pytest.fixture(scope="session")
def broker(stack: Stack) -> Broker:
    """The stack's Kafka."""
    return Broker(stack.environment()["AUMOS_KAFKA_BOOTSTRAP_SERVERS"])
