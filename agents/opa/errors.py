"""What can go wrong with one request to one OPA process.

AskFailed
├── Held         no answer for a while from a process that is quick: one item keeps the batch
├── Late         no whole answer inside the deadline; the connection was closed, which cancels the work
├── Unreadable   a whole answer with status 200 that cannot be read as JSON; one item may be the reason
├── Unreached    no connection, or what answered is no OPA with our entry point
│   └── Broken   the connection ended before the answer did; the request may be what ended it
└── Refused      OPA answered that the batch as a whole cannot be evaluated
"""


class AskFailed(Exception):
    """Root of the errors of one request; the text is for people, at most 500 characters."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail[:500])


class Held(AskFailed):
    """Given up before the deadline, so that the one at fault is found; the connection was closed."""


class Late(AskFailed):
    """The deadline passed."""


class Unreadable(AskFailed):
    """No process of ours, or a decision that JSON readers refuse: nested too deeply, a number too large."""


class Unreached(AskFailed):
    """Nobody answered who could have."""


class Broken(Unreached):
    """The process went away over the request."""


class Refused(AskFailed):
    """One item spoils the batch: a conflict, a builtin error, an oversize result."""
