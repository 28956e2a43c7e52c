"""What a caller may say about one command."""

from typing import TypedDict


class CallOptions(TypedDict, total=False):
    """Of every command."""

    timeout: float
    """Seconds, over everything (default :data:`client.governance.SUBMIT_TIMEOUT_S`)."""
    command_id: str
    """A UUID of the caller's own, to send the same command again safely; a new version 7 by default."""
    expected_version: int
    """Refuses the command (``stale_version``) unless its aggregate is at this version."""
    correlation: str
    """``ce_correlationid``, carried into every event."""
    traceparent: str
    """W3C trace context, carried into every event."""
