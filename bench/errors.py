"""What ends a bench.

BenchError
├── NotVerified   the work was not done as it should have been; its figures mean nothing
├── Stalled       the system made no progress
└── NotInstalled  a program is missing; names the command that installs it
"""


class BenchError(Exception):
    """Root of the errors of :mod:`bench`."""


class NotVerified(BenchError):
    """Counts or bytes differ from what was sent."""


class Stalled(BenchError):
    """Nothing moved for too long."""


class NotInstalled(BenchError):
    """A prerequisite is missing."""
