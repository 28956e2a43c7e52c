"""Fixtures of the packs' tests: the packs, the real OPA binary, and the command line before an engine."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from devstack import artifacts
from devstack.steps import Steps
from rego.packs import Pack, load_packs
from tests.client.shell import Shell
from tests.packs.engine import Engine


@pytest.fixture(scope="session")
def packs() -> Mapping[str, Pack]:
    """The packs of this project."""
    return load_packs()


@pytest.fixture(scope="session")
def opa_binary(tmp_path_factory: pytest.TempPathFactory) -> str:
    """OPA as ``AUMOS_GOVERNANCE_OPA_BINARY`` names it, else the stack's, built when absent."""
    if named := os.environ.get("AUMOS_GOVERNANCE_OPA_BINARY"):
        return named
    log = tmp_path_factory.mktemp("opa-build") / "build.log"
    never = threading.Event()
    return str(artifacts.opa(Steps("tests", log, lambda _: None, never.is_set)))


@pytest.fixture
def engine() -> Engine:
    """An engine without policies or decision points."""
    return Engine(lambda policy, document: "allow")


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: Engine) -> Shell:
    """The command line before that engine and its read API."""
    shell = Shell(monkeypatch, tmp_path)
    shell.engine = engine
    for module in ("packs", "activation", "binding"):
        monkeypatch.setattr(f"client.cli.{module}.reading", engine.reading)
    return shell
