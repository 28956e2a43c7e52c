"""The servers that real-component tests share, and the mark that tells these tests apart."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import devstack

NEEDS_SERVERS = frozenset({"stack", "system"})
"""Fixtures that start servers; tests that use one are marked ``stack``."""


@pytest.fixture(scope="session")
def stack() -> Iterator[devstack.Stack]:
    """Servers only. ``AUMOS_STACK_DIR`` names a stack to use; it is left running."""
    named = os.environ.get("AUMOS_STACK_DIR")
    # Not below pytest's own folder: another run closes that to the account that Postgres runs as.
    folder = Path(named or tempfile.mkdtemp(prefix="gov-tests-"))
    try:
        yield devstack.up(devstack.Options(infrastructure_only=True, state_dir=folder))
    finally:
        if not named:
            devstack.down(folder, purge=True)
            shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs servers."""
    for item in items:
        if NEEDS_SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stack)
