"""A whole stack of its own, with two workers to kill and pause."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import devstack

SESSION_S = 6
"""Session time-out of the workers: the shortest that Kafka takes, so that pauses exceed it."""


@pytest.fixture(scope="package")
def system(tenant_settings: str) -> Iterator[devstack.Stack]:
    """Every server and process; two workers share the lanes."""
    folder = Path(tempfile.mkdtemp(prefix="gov-chaos-"))
    settings = {
        "AUMOS_GOVERNANCE_SESSION_TIMEOUT_S": str(SESSION_S),
        "AUMOS_GOVERNANCE_TENANT_SETTINGS": tenant_settings,
    }
    options = devstack.Options(workers=2, state_dir=folder, settings=settings)
    try:
        yield devstack.up(options)
    finally:
        devstack.down(folder, purge=True)
        shutil.rmtree(folder, ignore_errors=True)
