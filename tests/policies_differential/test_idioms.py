"""Submitted, rewritten, loaded beside all others and asked in batches, a module decides as in plain OPA."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import pytest

from rego.submission import Accepted, Refused
from tests.policies_differential.cases import written
from tests.policies_differential.generator import generated
from tests.policies_differential.loading import (
    EITHER,
    Asked,
    Original,
    Outcome,
    key_of,
    loaded_decisions,
    originals,
    submitted,
)
from tests.policies_differential.packages import package_of

CASES = {case.name: case for case in (*written(), *generated())}
REFUSED = [name for name, case in CASES.items() if case.refused]
DECIDING = [name for name, case in CASES.items() if not case.refused]

LEAST = 300
"""Modules that are compared."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What the submission said of each case, and what both OPAs said of each accepted one's inputs."""

    submitted: Mapping[str, Accepted | Refused]
    moved: Mapping[str, list[Outcome]]
    original: Mapping[str, list[Outcome]]


@pytest.fixture(scope="session")
def compared(opa_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """Every module in two OPA processes: all rewritten ones in the one, all originals in the other."""
    cases = list(CASES.values())
    folder = tmp_path_factory.mktemp("differential")
    results = submitted(opa_binary, cases)
    accepted = {case.name: case for case in cases if isinstance(results[case.name], Accepted)}
    keys = {case.name: key_of(number) for number, case in enumerate(cases)}
    modules = {keys[name]: result.loaded for name, result in results.items() if isinstance(result, Accepted)}
    asked = [(name, document) for name, case in accepted.items() for document in case.inputs]
    questions = [Asked(keys[name], document) for name, document in asked]
    moved = loaded_decisions(opa_binary, folder, modules, questions)
    with (
        originals(opa_binary, folder, list(accepted.values())) as opa,
        httpx.Client(base_url=opa.url, timeout=30.0) as client,
    ):
        plain = {
            name: Original(client, package_of(case.source), case.source) for name, case in accepted.items()
        }
        original = [plain[name].decision(document) for name, document in asked]
    return Compared(results, _by_name(asked, moved), _by_name(asked, original))


def _by_name(asked: list[tuple[str, object]], outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for (name, _), outcome in zip(asked, outcomes, strict=True):
        found.setdefault(name, []).append(outcome)
    return found


def test_enough_different_modules_are_compared() -> None:
    assert len({CASES[name].source for name in DECIDING}) >= LEAST
    assert len({package_of(CASES[name].source) for name in CASES}) == len(CASES)


@pytest.mark.parametrize("name", DECIDING)
def test_a_moved_module_decides_as_its_original(compared: Compared, name: str) -> None:
    result = compared.submitted[name]
    assert isinstance(result, Accepted), (result, CASES[name].source)
    expected = [
        moved if original == (EITHER, None) and moved[0] and moved[0] in EITHER else original
        for moved, original in zip(compared.moved[name], compared.original[name], strict=True)
    ]
    assert compared.moved[name] == expected, CASES[name].source


@pytest.mark.parametrize("name", REFUSED)
def test_a_module_that_is_refused_is_refused_for_its_reason(compared: Compared, name: str) -> None:
    result = compared.submitted[name]
    assert isinstance(result, Refused)
    assert CASES[name].refused in {finding.rule for finding in result.findings}


def test_most_generated_inputs_are_decided_and_both_ways(compared: Compared) -> None:
    outcomes = [outcome for name in DECIDING for outcome in compared.original[name]]
    decided = [value for error, value in outcomes if not error]
    allowed = [value["allow"] for value in decided if isinstance(value, dict) and "allow" in value]
    assert len(decided) > len(outcomes) / 2
    assert min(allowed.count(True), allowed.count(False)) > len(allowed) / 10
