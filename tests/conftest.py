"""The servers that real-component tests share, and the mark that tells these tests apart."""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

import devstack
from devstack import artifacts
from devstack.steps import Steps
from tests.command_line import Governance
from tests.schemas.registry import Registry, serving

settings.register_profile("suite", deadline=None)  # speed is measured in bench/, never by a test
settings.load_profile("suite")

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


@pytest.fixture(scope="session")
def opa_binary(tmp_path_factory: pytest.TempPathFactory) -> str:
    """OPA as ``AUMOS_GOVERNANCE_OPA_BINARY`` names it, else the stack's, built when absent."""
    if named := os.environ.get("AUMOS_GOVERNANCE_OPA_BINARY"):
        return named
    log = tmp_path_factory.mktemp("opa-build") / "build.log"
    never = threading.Event()
    return str(artifacts.opa(Steps("tests", log, lambda _: None, never.is_set)))


@pytest.fixture(scope="session")
def schema_registry() -> Iterator[Registry]:
    """The registry that the system's worker reads Confluent framing with."""
    registry = Registry()
    with serving(registry) as registry.url:
        yield registry


@pytest.fixture(scope="session")
def system(schema_registry: Registry) -> Iterator[devstack.Stack]:
    """Servers and the product's processes. ``AUMOS_STACK_DIR`` names a stack to use; it is left running.

    The processes of a named stack start again, without extra settings but the tests' registry, and once
    more without it in the end.
    """
    named = os.environ.get("AUMOS_STACK_DIR")
    folder = Path(named or tempfile.mkdtemp(prefix="gov-system-"))
    settings = {"AUMOS_SCHEMA_REGISTRY_URL": schema_registry.url}
    try:
        yield devstack.up(devstack.Options(state_dir=folder, settings=settings))
    finally:
        if named:
            devstack.up(devstack.Options(state_dir=folder, settings={}))
        else:
            devstack.down(folder, purge=True)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environment(system: devstack.Stack) -> dict[str, str]:
    """What the system's operator has in the environment."""
    return system.environment()


@pytest.fixture
def tenant() -> str:
    """A tenant of its own for each test."""
    return f"t-{uuid4().hex[:10]}"


@pytest.fixture
def governance(environment: dict[str, str], tenant: str, tmp_path: Path) -> Governance:
    """The command line before the running system."""
    return Governance(environment, tenant, tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs servers."""
    for item in items:
        if NEEDS_SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stack)
