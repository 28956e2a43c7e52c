"""What a kind of malformed command is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from devstack.demo.records import Ask, Record, Run, asked


class Outcome(Enum):
    """What the engine must make of a record."""

    DECIDED = "decided"
    """By the policy: the record is unusual, not wrong."""
    REJECTED = "rejected"
    """An event with the reason; the command has its inbox row, unless its id is another command's."""
    QUARANTINED = "quarantined"
    """Kept whole with the reason, and an event."""
    REPEATED = "repeated"
    """Nothing: its first outcome stands."""


@dataclass(frozen=True, slots=True)
class Case:
    """What one malformed record is made from."""

    number: int
    """Its own place in the plan."""
    ask: Ask
    """A well-formed evaluation that was sent before."""
    run: Run

    def sound(self) -> Record:
        """A well-formed evaluation under an id of its own."""
        return asked(replace(self.ask, number=self.number), self.run)

    def original(self) -> Record:
        """The evaluation that was sent before, byte for byte."""
        return asked(self.ask, self.run)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to be malformed."""

    name: str
    outcome: Outcome
    reason: str
    """Reason code of the rejection or quarantine; empty for other outcomes."""
    make: Callable[[Case], Record]


def rejected(name: str, reason: str, make: Callable[[Case], Record]) -> Kind:
    """A kind that gets a rejection event."""
    return Kind(name, Outcome.REJECTED, reason, make)


def quarantined(name: str, reason: str, make: Callable[[Case], Record]) -> Kind:
    """A kind that goes to quarantine."""
    return Kind(name, Outcome.QUARANTINED, reason, make)
