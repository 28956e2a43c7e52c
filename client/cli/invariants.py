"""The one place that knows how the checker of the six invariants is called."""

import importlib
from typing import Protocol

from client.cli.settings import Settings


class Invariant(Protocol):
    """One invariant, as the checker reports it."""

    number: int
    claim: str
    compared: int
    broken: int
    problems: list[str]

    @property
    def holds(self) -> bool:
        """Whether nothing broke it."""


class Report(Protocol):
    """All six."""

    invariants: list[Invariant]

    @property
    def holds(self) -> bool:
        """Whether all of them hold."""

    def document(self) -> dict[str, object]:
        """For programs."""


async def check_invariants(settings: Settings) -> Report:
    """Runs the checker over Kafka, the primary database, the wall and the read API."""
    checker = importlib.import_module("projections.invariants")
    report: Report = await checker.check(settings)
    return report
