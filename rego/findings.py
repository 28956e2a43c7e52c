"""What a check says about a submitted policy."""

from dataclasses import dataclass
from typing import Final

FILE: Final = "policy.rego"
"""The name that a submitted source has in findings."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; row and column count from 1 in the author's source, 0 when the place is unknown."""

    file: str
    row: int
    column: int
    rule: str
    """Stable snake_case name: one of :mod:`rego.rules`, :mod:`rego.submission`, or OPA's own error code."""
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The policy may be stored: ``module`` is what OPA loads, ``digest`` its SHA-256 in hex.

    ``package`` is the author's own package name.
    """

    module: str
    package: str
    digest: str
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The policy must not be stored; ``findings`` is not empty and in source order."""

    findings: tuple[Finding, ...]
