"""A whole stack of its own, with two workers to kill and pause."""

from collections.abc import Iterator

import pytest

import devstack

SESSION_S = 6
"""Session time-out of the workers: the shortest that Kafka takes, so that pauses exceed it."""


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[devstack.Stack]:
    """Every server and process; two workers share the lanes."""
    folder = tmp_path_factory.mktemp("chaos")
    options = devstack.Options(
        workers=2, state_dir=folder, settings={"AUMOS_GOVERNANCE_SESSION_TIMEOUT_S": str(SESSION_S)}
    )
    yield devstack.up(options)
    devstack.down(folder, purge=True)
