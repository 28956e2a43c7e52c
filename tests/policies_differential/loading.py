"""Submitting, rewriting and loading cases as the product does it, and asking their unrewritten originals."""

import asyncio
import json
import re
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import httpx

from agents.bundles.archive import Contents, build
from agents.bundles.ports import LoadableVersion, VersionKey
from agents.opa.http import http_evaluator
from agents.opa.ports import Answer, Question
from rego.loaded import Loaded
from rego.submission import Accepted, Checker, Refused
from tests.policies.opa_process import OpaProcess, free_port, serving_bundle, start
from tests.policies_differential.cases import Case

REVISION: Final = 7
TIMEOUT_MS: Final = 30_000
"""Far from any deadline, on a busy machine too: these tests are not about time."""

TENANTS: Final = ("acme", 'ten"ant é', "v1", "a]/..")
"""Tenants among which the modules are dealt; names that must be quoted are among them."""

EITHER: Final = "undefined or evaluation_error"
"""No decision: ``allow`` is undefined and ``violations`` fails; which OPA meets first is its own choice."""

_T = TypeVar("_T")

Outcome = tuple[str, object]
"""Error name (empty when there is a decision) and decision."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One loaded version and one input document."""

    key: VersionKey
    document: object


def finished(work: Coroutine[object, object, _T]) -> _T:
    """The result of a coroutine, run in a loop and thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def key_of(number: int) -> VersionKey:
    """Where the case of this number is loaded; tenants share policy ids and versions."""
    return (TENANTS[number % len(TENANTS)], f"p-{number // len(TENANTS)}", 1 + number % 3)


def submitted(opa_binary: str, cases: Sequence[Case]) -> dict[str, Accepted | Refused]:
    """What the submission says of each case, by name."""

    async def check_all() -> list[Accepted | Refused]:
        checker = Checker(opa_binary)
        found = (checker.check(*key_of(number), case.source) for number, case in enumerate(cases))
        return await asyncio.gather(*found)

    return {case.name: result for case, result in zip(cases, finished(check_all()), strict=True)}


def bundle_of(modules: Mapping[VersionKey, Loaded]) -> bytes:
    """The bundle that the bundle service would build of these versions."""
    versions = [LoadableVersion(*key, "active", "", None, 0) for key in modules]
    return build(Contents.of(versions), modules, REVISION, b"")


def decisions(url: str, asked: Sequence[Asked]) -> list[Outcome]:
    """What the product's evaluator makes of the answers of one OPA."""
    questions = [
        Question(str(number), *one.key, json.dumps(one.document).encode(), TIMEOUT_MS, 0)
        for number, one in enumerate(asked)
    ]

    async def ask() -> list[Answer]:
        async with http_evaluator([url]) as evaluator:
            return await evaluator.evaluate(questions)

    return [(answer.error, json.loads(answer.result or b"null")) for answer in finished(ask())]


def loaded_decisions(
    opa_binary: str, folder: Path, modules: Mapping[VersionKey, Loaded], asked: Sequence[Asked]
) -> list[Outcome]:
    """Loads versions into one stock OPA and asks it through the batch entry point."""
    folder.mkdir(exist_ok=True)
    with serving_bundle(opa_binary, bundle_of(modules), folder) as opa:
        return decisions(opa.url, asked)


@contextmanager
def originals(opa_binary: str, folder: Path, cases: Sequence[Case]) -> Iterator[OpaProcess]:
    """One stock OPA that holds the cases as their authors wrote them."""
    modules = folder / "originals"
    modules.mkdir()
    for number, case in enumerate(cases):
        (modules / f"{number:04}.rego").write_bytes(case.source.encode())
    port = free_port()
    arguments = ("run", "--server", "--addr", f"127.0.0.1:{port}", "--log-level", "error")
    log = folder / "originals.log"
    opa = start(opa_binary, (*arguments, "--skip-version-check", str(modules)), log, port)
    try:
        yield opa
    finally:
        opa.stopped()


class Original:
    """One unrewritten module in an OPA; the decision document is put together here."""

    def __init__(self, client: httpx.Client, package: Sequence[str], source: str) -> None:
        self._client = client
        self._path = "/".join(quote(name, safe="") for name in package)
        self._source = source

    def decision(self, document: object) -> Outcome:
        """What its author sees in OPA, strict about builtin errors as the product is."""
        if self._defines("decision"):
            return self._value("decision", document)
        error, allow = self._value("allow", document)
        violations: object = []
        if self._defines("violations"):
            unset, violations = self._value("violations", document)
            if unset == "evaluation_error":
                error = EITHER if error == "undefined" else unset
        if error:
            return error, None
        return "", {"allow": allow, "violations": violations or []}

    def _defines(self, name: str) -> bool:
        return re.search(rf"^(?:default )?{name}\b", self._source, re.MULTILINE) is not None

    def _value(self, rule: str, document: object) -> Outcome:
        answer = self._client.post(
            f"/v1/data/{self._path}/{rule}",
            params={"strict-builtin-errors": "true"},
            json={"input": document},
        )
        if answer.status_code == 500:
            return "evaluation_error", None
        assert answer.status_code == 200, answer.text
        return ("", answer.json()["result"]) if "result" in answer.json() else ("undefined", None)
