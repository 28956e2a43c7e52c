"""How far a run came, in a file: the next one goes on there and finds the same.

The file is not signed: whoever may write it decides what the run believes to have checked. It belongs on the
verifier's own disk.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final, Literal

from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.tiles import hashes_of
from audit_sink.verify.report import Report
from audit_sink.verify.trust import Trust

FORM: Final = 3
"""Number of this file's form; another one is not gone on from."""

EVERY_S: Final = 5.0
"""Between two writes: what a killed run does again at most."""

Part = Literal["files", "database", "source"]


@dataclass(slots=True)
class Kept:
    """The file. Methods raise OSError."""

    path: Path
    trust: Trust
    every_s: float = EVERY_S
    _parts: dict[str, Any] = field(default_factory=dict)
    _written: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        try:
            found = json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return
        if isinstance(found, dict) and (found.get("form"), found.get("trust")) == (FORM, self._believed()):
            self._parts = found["parts"]

    def part(self, name: Part) -> Mapping[str, Any] | None:
        """Where an unfinished run with this trust stopped in a part; None where it did not come to it."""
        found: Mapping[str, Any] | None = self._parts.get(name)
        return found

    def due(self) -> bool:
        """Whether it is time to write."""
        return monotonic() - self._written >= self.every_s

    def save(self, name: Part, position: Mapping[str, Any], report: Report) -> None:
        """Replaces the file at once or not at all."""
        self._parts[name] = {**position, "checks": report.found()}
        document = {"form": FORM, "trust": self._believed(), "parts": self._parts}
        waiting = self.path.with_name(self.path.name + ".new")
        waiting.write_text(json.dumps(document))
        waiting.replace(self.path)
        self._written = monotonic()

    def drop(self) -> None:
        """The run is over: the next one begins anew."""
        self.path.unlink(missing_ok=True)

    def _believed(self) -> Sequence[str]:
        keys = [key.vkey for key in (*self.trust.keys, *self.trust.witnesses)]
        return [self.trust.origin, *keys, str(self.trust.quorum), *self.trust.guards]


def saved_frontier(frontier: Frontier) -> Mapping[str, Any]:
    """A growing tree for the file."""
    return {"size": frontier.size, "rows": [b64encode(b"".join(row)).decode() for row in frontier.rows]}


def frontier_of(saved: Mapping[str, Any]) -> Frontier:
    """The tree that :func:`saved_frontier` saved."""
    rows = tuple(tuple(hashes_of(b64decode(row))) if row else () for row in saved["rows"])
    return Frontier(saved["size"], rows)
