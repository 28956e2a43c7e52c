"""What can keep the demo from its report.

::

    DemoFailed
    ├── NotActivated   a policy did not become active in time
    ├── NotVerified    an artifact was not verified in time
    └── NotAtRest      commands stay undecided, or events out of the wall

Each message can be shown to a person as it is. Errors of the stack (:mod:`devstack.errors`) and of the
client (:mod:`client.errors`) come through unchanged.
"""


class DemoFailed(Exception):
    """Root of the tree."""


class NotActivated(DemoFailed):
    """A policy did not become active in time."""


class NotVerified(DemoFailed):
    """The stored artifact of a piece of evidence was not looked at in time."""


class NotAtRest(DemoFailed):
    """Work is left, and for some time none of it was done."""
