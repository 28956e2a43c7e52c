"""Which builtins a policy may call: an allowlist, so that a new one of OPA stays out until it is read."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import orjson

FILE: Final = Path(__file__).parent / "builtins.txt"

FEATURES: Final = ("keywords_in_refs", "rego_v1", "rego_v1_import", "template_strings")
"""Language features beside the builtins; experimental keywords and later Rego versions stay out."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one OPA offers, cut down to what a policy may use."""

    document: bytes
    """For ``opa check --capabilities``."""
    forbidden: frozenset[str]
    """Names of builtins that this OPA has and a policy may not use."""


@cache
def allowed() -> frozenset[str]:
    """The names in ``builtins.txt``."""
    lines = (line.strip() for line in FILE.read_text().splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def cut_down(current: bytes) -> Capabilities:
    """From the output of ``opa capabilities --current``."""
    document = orjson.loads(current)
    offered = {builtin["name"] for builtin in document["builtins"]}
    document["builtins"] = [builtin for builtin in document["builtins"] if builtin["name"] in allowed()]
    document["features"] = FEATURES
    document["future_keywords"] = []
    document["allow_net"] = []
    return Capabilities(orjson.dumps(document), frozenset(offered - allowed()))
