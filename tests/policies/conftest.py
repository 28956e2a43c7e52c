"""Fixtures of the policy tests: the real OPA binary."""

import os
import threading

import pytest

from devstack import artifacts
from devstack.steps import Steps
from rego.submission import Checker


@pytest.fixture(scope="session")
def opa_binary(tmp_path_factory: pytest.TempPathFactory) -> str:
    """OPA as ``AUMOS_GOVERNANCE_OPA_BINARY`` names it, else the stack's, built when absent."""
    if named := os.environ.get("AUMOS_GOVERNANCE_OPA_BINARY"):
        return named
    log = tmp_path_factory.mktemp("opa-build") / "build.log"
    never = threading.Event()
    return str(artifacts.opa(Steps("tests", log, lambda _: None, never.is_set)))


@pytest.fixture
def checker(opa_binary: str) -> Checker:
    """A submission check with an empty memory."""
    return Checker(opa_binary)
