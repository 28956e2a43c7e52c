"""OPA's own errors (``--format json``) as findings."""

import orjson

from rego.binary import OutOfBounds, Output
from rego.findings import FILE, Finding

MAX_MESSAGE_CHARS = 500
"""Bound of one message; a rejection event holds up to ten of them."""


def errors_of(output: Output) -> tuple[Finding, ...]:
    """The findings of a failed run, in source order; raises :class:`OutOfBounds` when it names none."""
    text = output.err or output.out
    try:
        errors = orjson.loads(text)["errors"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise OutOfBounds(f"the checker failed: {text[:200].decode(errors='replace')}") from None
    # "error limit reached" has no place and says nothing about the source.
    found = [_finding(error) for error in errors if error.get("location")]
    if not found:
        found = [_finding(error) for error in errors]
    return tuple(sorted(found, key=lambda finding: (finding.row, finding.column)))


def _finding(error: dict[str, object]) -> Finding:
    location = error.get("location")
    place = location if isinstance(location, dict) else {}
    return Finding(
        FILE,
        int(place.get("row", 0)),
        int(place.get("col", 0)),
        str(error.get("code", "rego_error")),
        str(error.get("message", ""))[:MAX_MESSAGE_CHARS],
    )
