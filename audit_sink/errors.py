"""What can stop the sink.

SinkError
├── Unavailable      Postgres or Kafka cannot answer now, or how a commit ended is unknown: begin anew
│   └── Lacking      the bucket has lost entries that a rebuild needs
├── LeaseLost        another sink may lead from now on: stand by
├── Refused          the wall did not take a batch: another sink went on (fenced)
├── PositionLost     the broker no longer has the offset that comes next: find a new start
└── Halt             going on would be wrong: end the process
    ├── Behind       the database has less than was confirmed or signed: an older backup is in place
    ├── Forked       the database has another history than the one that was signed
    ├── Unguarded    the wall lacks a guard that its migrations made
    ├── Corrupt      the newest rows contradict each other
    ├── Diverged     the wall does not continue what was signed or kept elsewhere
    └── RefusedTwice the same batch was refused with no other sink in between: a defect
"""


class SinkError(Exception):
    """Root of the errors of :mod:`audit_sink`."""


class Unavailable(SinkError):
    """A component cannot answer now, or the outcome of a commit is unknown; the wall decides."""


class Lacking(Unavailable):
    """The bucket no longer has entries ``first`` to ``end - 1``."""

    def __init__(self, first: int, end: int) -> None:
        super().__init__(
            f"the bucket no longer has entries {first} to {end - 1}; those before them are in the database. "
            "Where they were pruned, name the range's export: --export FOLDER"
        )
        self.first, self.end = first, end


class LeaseLost(SinkError):
    """The advisory lock is gone."""


class Refused(SinkError):
    """A key or the predecessor trigger refused a batch."""


class PositionLost(SinkError):
    """An offset lies outside what the broker has."""


class Halt(SinkError):
    """Only an operator can say how to go on."""


class Behind(Halt):
    """The database has less than was already confirmed or signed."""


class Forked(Halt):
    """The database has another root than a checkpoint of that size."""


class Unguarded(Halt):
    """A table or partition lacks triggers, row-level security or has grants too many."""


class Corrupt(Halt):
    """Stored rows do not fit together."""


class Diverged(Halt):
    """The wall is not a continuation of the last checkpoint, or the bucket holds other bytes."""


class RefusedTwice(Halt):
    """The wall refuses what follows from its own newest row."""
