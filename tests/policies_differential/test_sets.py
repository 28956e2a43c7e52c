"""Policies of several modules with data, loaded beside each other, decide as their files do in plain OPA."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from rego.source import PolicySource
from rego.submission import Accepted, Checker, Refused
from tests.policies.opa_process import OpaProcess, free_port, start
from tests.policies_differential.cases import Case, written
from tests.policies_differential.generator import generated
from tests.policies_differential.loading import (
    Asked,
    Original,
    Outcome,
    finished,
    key_of,
    loaded_decisions,
)
from tests.policies_differential.packages import package_of

SETS = 60
"""Sets that are compared: twice as many modules, an entry module and a data file each."""


@dataclass(frozen=True, slots=True)
class Set:
    """Two modules of the differential test that an entry module with data asks."""

    number: int
    cases: tuple[Case, Case]

    @property
    def package(self) -> str:
        return f"sets.c{self.number}"

    @property
    def inputs(self) -> Sequence[object]:
        return [document for case in self.cases for document in case.inputs[:3]]

    @property
    def source(self) -> PolicySource:
        first, second = (_reference(case) for case in self.cases)
        entry = f"""\
package {self.package}

default first := "undefined"

first := {first}

default second := "undefined"

second := {second}

decision := {{
	"allow": first == second,
	"first": first,
	"second": second,
	"own": data.limits.n{self.number}.least + data.{self.package}.table.more,
	"listed": [name | some name, _ in data.limits.n{self.number}],
}}
"""
        modules = [(f"case/m{number}.rego", case.source) for number, case in enumerate(self.cases)]
        limits = json.dumps({"least": self.number + 0.5, 'é <&> "\\': None, "a": [1, 2.25, -3]})
        table = f"more: {self.number}\nname: !!str 7\n"
        data = [(f"limits/n{self.number}/x.json", limits), (f"sets/c{self.number}/table/y.yaml", table)]
        return PolicySource(entry, (*modules, *data))


def _reference(case: Case) -> str:
    return "data" + "".join(f"[{json.dumps(name)}]" for name in (*package_of(case.source), "allow"))


def _sets() -> list[Set]:
    cases = [
        case for case in (*generated(), *written()) if not case.refused and "decision" not in case.source
    ]
    step = len(cases) // (2 * SETS)
    chosen = cases[:: max(step, 1)][: 2 * SETS]
    return [Set(number, (chosen[2 * number], chosen[2 * number + 1])) for number in range(len(chosen) // 2)]


ALL = _sets()


@contextmanager
def _originals(opa_binary: str, folder: Path) -> Iterator[OpaProcess]:
    files = folder / "originals"
    for each in ALL:
        for path, text in each.source.everything:
            name = f"c{each.number}-{path.replace('/', '-')}" if path.endswith(".rego") else path
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            (files / name).write_bytes(text.encode())
    port = free_port()
    arguments = ("run", "--server", "--addr", f"127.0.0.1:{port}", "--log-level", "error")
    opa = start(opa_binary, (*arguments, "--skip-version-check", str(files)), folder / "log", port)
    try:
        yield opa
    finally:
        opa.stopped()


@pytest.fixture(scope="module")
def compared(
    opa_binary: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, tuple[Accepted | Refused, list[Outcome], list[Outcome]]]:
    folder = tmp_path_factory.mktemp("sets")
    checker = Checker(opa_binary)

    async def check_all() -> list[Accepted | Refused]:
        return [await checker.check(*key_of(each.number), each.source) for each in ALL]

    results = finished(check_all())
    loaded = {key_of(n): result.loaded for n, result in enumerate(results) if isinstance(result, Accepted)}
    asked = [(each, document) for each in ALL for document in each.inputs if key_of(each.number) in loaded]
    moved = loaded_decisions(
        opa_binary, folder, loaded, [Asked(key_of(each.number), document) for each, document in asked]
    )
    with _originals(opa_binary, folder) as opa, httpx.Client(base_url=opa.url, timeout=30.0) as client:
        plain = [
            Original(client, each.package.split("."), each.source.entry).decision(document)
            for each, document in asked
        ]
    found: dict[int, tuple[Accepted | Refused, list[Outcome], list[Outcome]]] = {
        each.number: (result, [], []) for each, result in zip(ALL, results, strict=True)
    }
    for (each, _), here, there in zip(asked, moved, plain, strict=True):
        found[each.number][1].append(here)
        found[each.number][2].append(there)
    return found


@pytest.mark.parametrize("number", range(len(ALL)))
def test_a_moved_set_decides_as_its_files_do(
    compared: dict[int, tuple[Accepted | Refused, list[Outcome], list[Outcome]]], number: int
) -> None:
    result, moved, original = compared[number]
    assert isinstance(result, Accepted), (result, ALL[number].source)
    assert moved == original, ALL[number].source
    assert moved


def test_most_sets_are_decided(
    compared: dict[int, tuple[Accepted | Refused, list[Outcome], list[Outcome]]],
) -> None:
    outcomes = [outcome for _, moved, _ in compared.values() for outcome in moved]
    assert len(ALL) == SETS
    assert sum(1 for error, _ in outcomes if not error) > len(outcomes) / 2
