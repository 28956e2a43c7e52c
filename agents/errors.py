"""What the lanes do about an error, as one tree.

    LaneError
    ├── Retry             try the same thing again after a pause; nothing was acknowledged
    │   ├── Outage        a server is away or answers with an error of its own
    │   └── Conflict      a deadlock, serialization failure or lost race; at once
    └── Fatal             this process must end with nothing more acknowledged
        ├── LaneRewound   the command partition is shorter than, or differs from, what was decided
        ├── LaneBehind    the database is behind the events that the lane has published
        └── Undeliverable an event that is committed could not be published

Bad records raise none of these: they are rejected or quarantined (:class:`schemas.errors.Unreadable`).
"""


class LaneError(Exception):
    """Root of the errors of :mod:`agents`."""


class Retry(LaneError):
    """The same work may succeed later; nothing was acknowledged."""


class Outage(Retry):
    """A server is away; wait with growing pauses."""


class Conflict(Retry):
    """Another transaction was in the way; try again at once."""


class Fatal(LaneError):
    """The process must end; a restart or an operator has to look."""


class LaneRewound(Fatal):
    """Records below the decided offset are unknown, or the partition ends below it."""


class LaneBehind(Fatal):
    """The event topic is ahead of the database (restored from an older backup)."""


class Undeliverable(Fatal):
    """The broker refused a committed event for good."""
