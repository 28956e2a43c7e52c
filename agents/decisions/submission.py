"""A version as it was submitted, and what its check made of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from agents.decisions.outcome import Finding


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to become a version."""

    version: int
    policy_type: str
    rego_content: str
    """The entry module."""
    files: tuple[tuple[str, str], ...]
    """Path and content of the other files."""
    timeout_ms: int | None
    entry_path: str = ""
    """What findings call the entry module; empty: ``policy.rego``."""


@dataclass(frozen=True, slots=True)
class CheckedModule:
    """What the submission check made of a source for one version number."""

    version: int
    findings: tuple[Finding, ...]
    """Empty when the source was accepted."""
    module: str
    package: str
    module_digest: str
    warnings: tuple[Finding, ...]
    modules: tuple[tuple[str, str], ...] = ()
    data: str = "{}"
    report: Mapping[str, object] | None = None
    """Tests, coverage and cost, as the event holds them."""


def bodies(files: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    """Files as events hold them."""
    return [{"path": path, "content": content} for path, content in files]
