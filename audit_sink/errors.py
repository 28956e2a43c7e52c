"""What can stop the sink.

SinkError
├── Unavailable      Postgres or Kafka cannot answer now, or how a commit ended is unknown: begin anew
├── LeaseLost        another sink may lead from now on: stand by
├── Refused          the wall did not take a batch: another sink went on (fenced)
├── PositionLost     the broker no longer has the offset that comes next: find a new start
└── Halt             going on would be wrong: end the process
    ├── Behind       receipts name more batches than the database has: an older backup is in place
    ├── Unguarded    the wall lacks a guard that its migrations made
    ├── Corrupt      the newest rows contradict each other
    ├── Diverged     the wall does not continue what was signed or kept elsewhere
    └── RefusedTwice the same batch was refused with no other sink in between: a defect
"""


class SinkError(Exception):
    """Root of the errors of :mod:`audit_sink`."""


class Unavailable(SinkError):
    """A component cannot answer now, or the outcome of a commit is unknown; the wall decides."""


class LeaseLost(SinkError):
    """The advisory lock is gone."""


class Refused(SinkError):
    """A key or the predecessor trigger refused a batch."""


class PositionLost(SinkError):
    """An offset lies outside what the broker has."""


class Halt(SinkError):
    """Only an operator can say how to go on."""


class Behind(Halt):
    """The database has fewer batches than were already confirmed."""


class Unguarded(Halt):
    """A table or partition lacks triggers, row-level security or has grants too many."""


class Corrupt(Halt):
    """Stored rows do not fit together."""


class Diverged(Halt):
    """The wall is not a continuation of the last checkpoint, or the bucket holds other bytes."""


class RefusedTwice(Halt):
    """The wall refuses what follows from its own newest row."""
