"""Fixtures of the client's tests."""

from typing import Protocol

import pytest

from client.broker import Broker


class Stack(Protocol):
    """What these tests need of the session's stack."""

    bootstrap: str


@pytest.fixture(scope="session")
def broker(stack: Stack) -> Broker:
    """The stack's Kafka."""
    return Broker(stack.bootstrap)
