"""The servers that real-component tests share, and the mark that tells these tests apart."""

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import is_hypothesis_test, settings

import devstack
from devstack import artifacts
from devstack.steps import Steps
from tests.command_line import Governance
from tests.schemas.registry import Registry, serving

settings.register_profile("suite", deadline=None)  # speed is measured in bench/, never by a test
settings.load_profile("suite")

ENCRYPTING = f"t-{uuid4().hex[:10]}"
"""A tenant whose personal fields the system encrypts, under a key of the person at ``/user/id``."""

SETTLED = f"""\
tenants:
  {ENCRYPTING}:
    personal_fields: encrypt
    personal_subject: /user/id
"""

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
def tenant_settings(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the tests' tenants settle, as a file for workers."""
    file = tmp_path_factory.mktemp("settled") / "tenants.yaml"
    file.write_text(SETTLED)
    return str(file)


@pytest.fixture(scope="session")
def system(schema_registry: Registry, tenant_settings: str) -> Iterator[devstack.Stack]:
    """Servers and the product's processes. ``AUMOS_STACK_DIR`` names a stack to use; it is left running.

    The processes of a named stack start again, without extra settings but the tests' registry
    and tenant settings, and once more without them in the end.
    """
    named = os.environ.get("AUMOS_STACK_DIR")
    folder = Path(named or tempfile.mkdtemp(prefix="gov-system-"))
    settings = {
        "AUMOS_SCHEMA_REGISTRY_URL": schema_registry.url,
        "AUMOS_GOVERNANCE_TENANT_SETTINGS": tenant_settings,
    }
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


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs servers, what goes untraced and what must share a process; the longest come first."""
    for item in items:
        if NEEDS_SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stack)
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
            # Tracing more than doubles the time of a hundred examples and adds hardly a line.
            item.add_marker(pytest.mark.untraced)
        item.add_marker(pytest.mark.xdist_group(_system_of(item) or item.nodeid.split("::")[0]))
    items.sort(key=_turn)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Takes coverage's tracer off; pytest-cov's ``no_cover`` leaves one on in xdist's processes."""
    if not item.get_closest_marker("untraced"):
        return (yield)
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


def _system_of(item: pytest.Item) -> str | None:
    """Names the running system that a test uses: its tests share one, so they share a process."""
    found = item._fixtureinfo.name2fixturedefs.get("system") if isinstance(item, pytest.Function) else None
    return f"system of {found[-1].baseid}" if found else None


def _turn(item: pytest.Item) -> int:
    """The longest group first, short ones last, so that two processes end together.

    A system of a folder's own is there to be killed and paused: not beside the system of all others.
    """
    if system := _system_of(item):
        return 0 if system == "system of tests" else 2
    return 1 if item.get_closest_marker("stack") else 3
