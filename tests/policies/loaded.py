"""The policies that every evaluator under contract holds, as modules and as the fake's rules."""

from typing import Final

from agents.bundles.archive import Contents, build
from agents.bundles.ports import LoadableVersion, VersionKey
from agents.opa.fake import FakeEvaluator, Rule, RuleFailed
from agents.opa.ports import Question
from rego.loaded import Loaded

REVISION: Final = 1_000
"""Bundle revision that the evaluators serve."""

TIMEOUT_MS: Final = 400

_BODIES: Final = {
    "gate": 'decision := {"allow": input.n > 0, "violations": [v | some v in input.said]}',
    "undecided": 'decision := {"allow": true} if input.n > 0',
    "conflict": 'decision := {"allow": true} if input.n >= 0\n\ndecision := {"allow": false} if input.n <= 0',
    "division": 'decision := {"allow": 1 / input.n > 0}',
    "slow": """\
decision := {"allow": true} if not input.numbers

decision := {"allow": count([1 |
    some i in input.numbers
    some j in input.numbers
    some k in input.numbers
    some l in input.numbers
    i + j + k + l == -1
]) == 0} if input.numbers""",
    "large": 'decision := {"text": sprintf("%*s", [input.n, "x"])}',
}


def key(policy_id: str, tenant: str = "acme", version: int = 1) -> VersionKey:
    """Identity of a loaded version."""
    return (tenant, policy_id, version)


def module(loaded: VersionKey, body: str) -> str:
    """A module in the package of a version."""
    tenant, policy_id, version = loaded
    return f'package tenants["{tenant}"]["{policy_id}"].v{version}\n\n{body}\n'


def bundle() -> bytes:
    """The bundle that holds them all, for two tenants."""
    modules = {
        key(name, tenant): module(key(name, tenant), body)
        for name, body in _BODIES.items()
        for tenant in ("acme", "other")
    }
    versions = [LoadableVersion(*found, "active", "", None, 0) for found in modules]
    loaded = {found: Loaded(text) for found, text in modules.items()}
    return build(Contents.of(versions), loaded, REVISION, b"")


def fake() -> FakeEvaluator:
    """The fake with the same policies."""
    evaluator = FakeEvaluator()
    for name, rule in _RULES.items():
        for tenant in ("acme", "other"):
            evaluator.load(tenant, name, 1, rule)
    evaluator.revision = REVISION
    return evaluator


def ask(
    name: str,
    document: bytes = b'{"n":1,"said":[]}',
    *,
    tenant: str = "acme",
    version: int = 1,
    timeout_ms: int = TIMEOUT_MS,
    confirmed: int = REVISION,
) -> Question:
    """A question about one of them; its id is its policy's name."""
    return Question(name, tenant, name, version, document, timeout_ms, confirmed)


SLOW_DOCUMENT: Final = b'{"numbers":[%s]}' % b",".join(b"%d" % n for n in range(120))
"""Makes the slow policy evaluate for minutes."""


def _number(document: object) -> int:
    assert isinstance(document, dict)
    return int(document["n"])


def _gate(document: object) -> object:
    assert isinstance(document, dict)
    return {"allow": _number(document) > 0, "violations": document["said"]}


def _conflict(document: object) -> object:
    if _number(document) == 0:
        raise RuleFailed("evaluation_error", "conflict")
    return {"allow": _number(document) > 0}


def _division(document: object) -> object:
    if _number(document) == 0:
        raise RuleFailed("evaluation_error", "division by zero")
    return {"allow": 1 / _number(document) > 0}


def _slow(document: object) -> object:
    if isinstance(document, dict) and "numbers" in document:
        raise RuleFailed("timeout", "slow")
    return {"allow": True}


_RULES: Final[dict[str, Rule]] = {
    "gate": _gate,
    "undecided": lambda document: {"allow": True} if _number(document) > 0 else None,
    "conflict": _conflict,
    "division": _division,
    "slow": _slow,
}
