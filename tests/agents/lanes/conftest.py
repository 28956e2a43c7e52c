"""A world for each test."""

from collections.abc import Iterator

import pytest

from tests.agents.simulation.world import World, simulation


@pytest.fixture
def world() -> Iterator[World]:
    """Servers in memory, no process yet."""
    with simulation() as made:
        yield made
