"""What a caller can meet.

::

    GovernanceError
    ├── InvalidCommand        the command breaks its schema or bounds; nothing was sent
    ├── Unreachable           Kafka, the read API or a database does not answer; nothing is known to be sent
    ├── TimedOut              sent, no answer in time; carries the command id to look up or to send again
    ├── Closed                the client was closed while the caller waited, or before it asked
    ├── Refused               the engine answered, and the answer is no
    │   ├── UnknownPolicy     the tenant has no active policy of that name
    │   ├── Rejected          reason code, detail and findings of the rejection
    │   └── Quarantined       the engine could not read or process the command and keeps it whole
    ├── Denied                a guarded function was not called: its policy said deny
    ├── ArtifactRefused       the evidence bucket said no to a file; carries a reason code
    ├── SequenceGap           an event partition skipped a number; the events come again
    ├── TopicsConflict        the cluster differs from topics.yaml in a way that cannot be changed in place
    ├── ApiRefused            the read API answered and said no: not allowed, not found, a bad parameter
    ├── ClusterRefused        Kafka answered and said no: not allowed, or a setting it does not take
    ├── NotHeld               nothing is held in quarantine at that position
    ├── StackFailed           the embedded stack cannot do what was asked; names the component and its log
    └── NotConfigured         the command line lacks a setting; names it and where it comes from

After ``TimedOut`` and ``Unreachable`` the same command may be sent again under the same id: the engine
decides a command once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from client.outcome import Verdict


class GovernanceError(Exception):
    """Root of the tree."""


class InvalidCommand(GovernanceError):
    """The command breaks its schema or bounds; nothing was sent."""


class Unreachable(GovernanceError):
    """Something that the call needs does not answer."""


class TimedOut(GovernanceError):
    """The command was sent, or handed to the producer, and no answer came in time.

    ``command_id`` can be looked up at ``/api/v1/commands/{id}``; sending the same command with the
    same id again is safe.
    """

    def __init__(self, command_id: str, waited_for: str, timeout: float) -> None:
        super().__init__(
            f"command {command_id} was not {waited_for} within {timeout:g} s; it may still be: "
            f"look it up at /api/v1/commands/{command_id} or send it again with the same command id"
        )
        self.command_id = command_id
        self.waited_for = waited_for


class Closed(GovernanceError):
    """The client is closed."""


class Refused(GovernanceError):
    """The engine's answer to a command is no."""

    def __init__(self, message: str, command_id: str, event_id: str) -> None:
        super().__init__(message)
        self.command_id = command_id
        self.event_id = event_id


class UnknownPolicy(Refused):
    """The tenant has no active policy of that name."""

    def __init__(self, policy: str, command_id: str, event_id: str) -> None:
        super().__init__(
            f"policy {policy!r} is unknown or has no active version; create and activate it first",
            command_id,
            event_id,
        )
        self.policy = policy


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a check on submitted source; ``row`` and ``column`` from 1, 0 when unknown."""

    file: str
    row: int
    column: int
    rule: str
    message: str
    hint: str = ""


class Rejected(Refused):
    """The engine refused the command; nothing changed."""

    def __init__(
        self, reason: str, detail: str, findings: Sequence[Finding], command_id: str, event_id: str
    ) -> None:
        super().__init__(f"rejected, {reason}: {detail}", command_id, event_id)
        self.reason = reason
        self.detail = detail
        self.findings = tuple(findings)


class Quarantined(Refused):
    """The engine keeps the command whole in quarantine; an operator retries or discards it."""

    def __init__(self, reason: str, detail: str, command_id: str, event_id: str) -> None:
        super().__init__(f"quarantined, {reason}: {detail}", command_id, event_id)
        self.reason = reason
        self.detail = detail


class Denied(GovernanceError):
    """A guarded function was not called; ``verdict`` says why."""

    def __init__(self, verdict: Verdict) -> None:
        reasons = "; ".join(verdict.reasons) or verdict.error or "no reason given"
        super().__init__(f"policy {verdict.policy!r} denied {verdict.resource}: {reasons}")
        self.verdict = verdict


class ArtifactRefused(GovernanceError):
    """The evidence bucket said no to a file; nothing was submitted.

    ``reason`` is one of ``wrong_checksum``, ``other_object``, ``unversioned``, ``not_allowed`` and
    ``refused``.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class SequenceGap(GovernanceError):
    """An event partition went from ``last`` to ``found``; what is missing is published again."""

    def __init__(self, topic: str, partition: int, last: int, found: int) -> None:
        super().__init__(f"{topic}/{partition}: sequence {found} after {last}, {found - last - 1} missing")
        self.topic = topic
        self.partition = partition
        self.last = last
        self.found = found


class TopicsConflict(GovernanceError):
    """The cluster differs from ``topics.yaml`` in partitions or replicas; nothing was changed."""


class ApiRefused(GovernanceError):
    """The read API answered with a problem (RFC 9457); ``status`` is the HTTP status."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(f"{title}: {detail}" if detail else title)
        self.status = status


class ClusterRefused(GovernanceError):
    """Kafka answered and said no."""


class NotHeld(GovernanceError):
    """Nothing is held in quarantine at the position."""


class StackFailed(GovernanceError):
    """The embedded stack cannot do what was asked."""


class NotConfigured(GovernanceError):
    """A setting is missing."""

    def __init__(self, setting: str, purpose: str) -> None:
        super().__init__(
            f"{setting} is not set and no embedded stack was found; it is needed to {purpose}. "
            f"Set it, or start a stack with: governance up"
        )
        self.setting = setting
