"""A victim's policy per secret, and what it and an attacker are told when one stock OPA holds both."""

import json
from dataclasses import dataclass
from pathlib import Path

from agents.bundles.ports import VersionKey
from rego.loaded import Loaded
from rego.submission import Accepted, Checker
from tests.policies_differential.hostile import CANARY, VICTIM, VICTIM_INPUTS, VICTIM_SOURCE
from tests.policies_differential.loading import Asked, Outcome, finished, loaded_decisions

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
    """A bundle with the victim of one secret, and what the victim is told when alone in it."""

    opa_binary: str
    folder: Path
    secret: str
    victim: Loaded
    alone: list[Outcome]

    def beside(self, attacker: VersionKey, loaded: Loaded) -> Scene:
        """Asks both, in shared batches, where one bundle holds both, as the product loads them."""
        asked = [*_victim(), *(Asked(attacker, document) for document in ATTACKER_INPUTS)]
        versions = {VICTIM: self.victim, attacker: loaded}
        outcomes = loaded_decisions(self.opa_binary, self.folder, versions, asked)
        return Scene(outcomes[: len(VICTIM_INPUTS)], outcomes[len(VICTIM_INPUTS) :])

    def leaked(self, scene: Scene) -> bool:
        """Whether the attacker was told the secret."""
        return self.secret in json.dumps(scene.attacker)


def _victim() -> list[Asked]:
    return [Asked(VICTIM, document) for document in VICTIM_INPUTS]


def staged(opa_binary: str, folder: Path, variant: str) -> Stage:
    """The stage with a variant of the secret."""
    secret = CANARY.format(variant)
    victim = victim_of(opa_binary, secret)
    alone = loaded_decisions(opa_binary, folder, {VICTIM: victim}, _victim())
    return Stage(opa_binary, folder, secret, victim, alone)


def victim_of(opa_binary: str, secret: str) -> Loaded:
    """The victim's policy with a secret, as the submission rewrites it."""
    result = finished(Checker(opa_binary).check(*VICTIM, VICTIM_SOURCE.replace("SECRET", secret)))
    assert isinstance(result, Accepted), result
    return result.loaded
