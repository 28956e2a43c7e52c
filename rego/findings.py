"""What a check says about a submitted policy."""

from dataclasses import dataclass
from typing import Final

from rego.loaded import Loaded

FILE: Final = "policy.rego"
"""The name that the entry module has in findings."""


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
class Report:
    """What running a policy at its submission showed."""

    tests: int = 0
    """Tests that passed."""
    coverage: float | None = None
    """Share of the policy's lines that they ran, 0 to 100; None without tests."""
    inputs: int = 0
    """Inputs that its cost was measured on."""
    slowest_us: int | None = None
    """Upper bound of the evaluation time on one of them, in microseconds; None without inputs."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The policy may be stored; ``package`` is the author's own package name."""

    loaded: Loaded
    package: str
    warnings: tuple[Finding, ...]
    report: Report


@dataclass(frozen=True, slots=True)
class Refused:
    """The policy must not be stored; ``findings`` is not empty and in source order, file by file."""

    findings: tuple[Finding, ...]


class Failed(Exception):
    """A step of a check found what keeps the policy out; ``findings`` is not empty."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings
        super().__init__(str(findings[0]))
