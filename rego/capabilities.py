"""Which builtins a policy may call: an allowlist, so that a new one of OPA stays out until it is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

FILE: Final = Path(__file__).parent / "builtins.txt"

FEATURES: Final = ("keywords_in_refs", "rego_v1", "rego_v1_import", "template_strings")
"""Language features beside the builtins; experimental keywords and later Rego versions stay out."""


IN_TESTS: Final = frozenset({"print", "internal.print"})
"""What tests may call besides."""


_REFUSED: Final = "!"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one OPA offers, cut down to what a policy may use."""

    document: bytes
    """For ``opa check --capabilities``."""
    forbidden: frozenset[str]
    """Names of builtins that this OPA has and a policy may not use."""
    for_tests: bytes
    """For ``opa test``: tests may print besides."""


@cache
def allowed() -> frozenset[str]:
    """The names in ``builtins.txt``."""
    return frozenset(line for line in _lines() if not line.startswith(_REFUSED))


@cache
def uninterruptible() -> frozenset[str]:
    """The names there that are refused because no deadline ends a call of them."""
    return frozenset(line.removeprefix(_REFUSED).strip() for line in _lines() if line.startswith(_REFUSED))


def _lines() -> Iterator[str]:
    lines = (line.strip() for line in FILE.read_text().splitlines())
    return (line for line in lines if line and not line.startswith("#"))


def cut_down(current: bytes) -> Capabilities:
    """From the output of ``opa capabilities --current``."""
    document = orjson.loads(current)
    offered = {builtin["name"] for builtin in document["builtins"]}
    document["features"] = FEATURES
    document["future_keywords"] = []
    document["allow_net"] = []
    forbidden = frozenset(offered - allowed())
    return Capabilities(_with(document, allowed()), forbidden, _with(document, allowed() | IN_TESTS))


def _with(document: dict[str, Any], names: frozenset[str]) -> bytes:
    builtins = [builtin for builtin in document["builtins"] if builtin["name"] in names]
    return orjson.dumps({**document, "builtins": builtins})
