"""A victim's policy in one stock OPA per secret; attackers come beside it and leave again."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from agents.bundles.archive import ENTRY_POINT
from agents.bundles.ports import VersionKey
from rego.submission import Accepted, Checker
from tests.policies.opa_process import free_port, start
from tests.policies_differential.hostile import CANARY, VICTIM, VICTIM_INPUTS, VICTIM_SOURCE
from tests.policies_differential.loading import Asked, Outcome, decisions, finished

ATTACKER_INPUTS: tuple[object, ...] = (
    {
        "root": "tenants",
        "t": "victim",
        "p": "p-0",
        "v": "v1",
        "n": 9,
        "zero": 0,
        "open": "[" * 2000,
        "close": "]" * 2000,
    },
    {"root": "gate", "data": {"tenants": {"victim": 1}}, "n": "text"},
    {},
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What both were told while both were loaded."""

    victim: list[Outcome]
    attacker: list[Outcome]


@dataclass(frozen=True, slots=True)
class Stage:
    """One OPA with the victim of one secret, and what the victim is told when alone."""

    url: str
    secret: str
    alone: list[Outcome]

    def beside(self, attacker: VersionKey, module: str) -> Scene:
        """Asks both, in shared batches, while the attacker's module is loaded; asserts that it loads."""
        loading = httpx.put(f"{self.url}/v1/policies/attacker", content=module.encode())
        assert loading.status_code == 200, loading.text
        try:
            outcomes = decisions(self.url, [*_victim(), *(Asked(attacker, doc) for doc in ATTACKER_INPUTS)])
        finally:
            httpx.delete(f"{self.url}/v1/policies/attacker").raise_for_status()
        return Scene(outcomes[: len(VICTIM_INPUTS)], outcomes[len(VICTIM_INPUTS) :])

    def leaked(self, scene: Scene) -> bool:
        """Whether the attacker was told the secret."""
        return self.secret in json.dumps(scene.attacker)


def _victim() -> list[Asked]:
    return [Asked(VICTIM, document) for document in VICTIM_INPUTS]


@contextmanager
def stages(opa_binary: str, folder: Path, variants: Sequence[str]) -> Iterator[list[Stage]]:
    """A stage for each variant of the secret."""
    with ExitStack() as stack:
        yield [stack.enter_context(_stage(opa_binary, folder, CANARY.format(name))) for name in variants]


@contextmanager
def _stage(opa_binary: str, folder: Path, secret: str) -> Iterator[Stage]:
    own = folder / secret
    own.mkdir()
    (own / "gov.rego").write_bytes(ENTRY_POINT)
    (own / "victim.rego").write_text(victim_module(opa_binary, secret))
    port = free_port()
    arguments = ("run", "--server", "--addr", f"127.0.0.1:{port}", "--log-level", "error")
    opa = start(opa_binary, (*arguments, "--skip-version-check", str(own)), folder / f"{secret}.log", port)
    try:
        yield Stage(opa.url, secret, decisions(opa.url, _victim()))
    finally:
        opa.stopped()


def victim_module(opa_binary: str, secret: str) -> str:
    """The victim's policy with a secret, as the submission rewrites it."""
    result = finished(Checker(opa_binary).check(*VICTIM, VICTIM_SOURCE.replace("SECRET", secret)))
    assert isinstance(result, Accepted), result
    return result.module
