"""Fixtures of the policy tests: the real OPA binary."""

import pytest

from rego.submission import Checker


@pytest.fixture
def checker(opa_binary: str) -> Checker:
    """A submission check with an empty memory."""
    return Checker(opa_binary)
