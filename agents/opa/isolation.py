"""Policy versions that lately spoiled a batch, so that they spoil no further ones.

An isolated version is asked apart from the others for a while: ``grouped`` in requests of its own,
``single`` one document a request.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Literal

Isolation = Literal["mixed", "grouped", "single"]

VersionKey = tuple[str, str, int]
"""Tenant, policy id, version."""

MAX_ISOLATED: Final = 4096
"""Versions remembered; the oldest is forgotten first and only costs its neighbours one more split."""


@dataclass(slots=True)
class Isolated:
    """Who is isolated until when; times are seconds of any one clock."""

    seconds: float
    _until: OrderedDict[VersionKey, tuple[float, Isolation]] = field(default_factory=OrderedDict)

    def __bool__(self) -> bool:
        return bool(self._until)

    def how(self, version: VersionKey, now: float) -> Isolation:
        """How to ask a version."""
        found = self._until.get(version)
        if found is None:
            return "mixed"
        until, isolation = found
        if until > now:
            return isolation
        del self._until[version]
        return "mixed"

    def isolate(self, version: VersionKey, isolation: Literal["grouped", "single"], now: float) -> None:
        """Asks a version apart from now on; ``single`` is not weakened by a later ``grouped``."""
        if self.how(version, now) == "single":
            isolation = "single"
        self._until[version] = (now + self.seconds, isolation)
        self._until.move_to_end(version)
        if len(self._until) > MAX_ISOLATED:
            self._until.popitem(last=False)
