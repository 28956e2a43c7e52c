"""What can be wrong with a message.

SchemaError
├── Unreadable        the bytes are no command or event of ours (reason code + detail)
└── Incompatible      a schema breaks the compatibility its topic promises
"""


class SchemaError(Exception):
    """Root of the errors of :mod:`schemas`."""


class Unreadable(SchemaError):
    """A record that cannot be read as a command or an event.

    ``reason`` is a stable snake_case code (it ends in quarantine rows and events);
    ``detail`` is for people and never contains the body.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Incompatible(SchemaError):
    """A schema version breaks the compatibility rule of its kind."""


class RegistryUnavailable(SchemaError):
    """The schema registry does not answer: wait and try again, nothing is known to be wrong."""
