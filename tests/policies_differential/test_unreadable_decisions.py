"""A decision that JSON readers refuse costs its own question an answer, and no neighbour's."""

from pathlib import Path

import pytest

from agents.opa.ports import EvaluationError
from rego.loaded import Loaded
from tests.policies_differential.loading import Asked, loaded_decisions

VERSION = ("acme", "p-0", 1)
NEIGHBOUR = ("other", "p-0", 1)

MODULE = 'package tenants["{}"]["p-0"].v1\n\ndecision := {{"allow": json.unmarshal(input.text)}}\n'

UNREADABLE: EvaluationError = "evaluation_error"


@pytest.mark.parametrize("text", ["1e400", "-1e999", "[" * 2_000 + "]" * 2_000])
def test_an_unreadable_decision_fails_alone(opa_binary: str, tmp_path: Path, text: str) -> None:
    modules = {key: Loaded(MODULE.format(key[0])) for key in (VERSION, NEIGHBOUR)}
    asked = [Asked(NEIGHBOUR, {"text": "1"}), Asked(VERSION, {"text": text}), Asked(VERSION, {"text": "2"})]
    assert loaded_decisions(opa_binary, tmp_path, modules, asked) == [
        ("", {"allow": 1}),
        (UNREADABLE, None),
        ("", {"allow": 2}),
    ]
