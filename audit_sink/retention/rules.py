"""When a range may be pruned. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_sink.ledger.tiles import WIDTH
from schemas.codec import decode
from schemas.envelope import moment_of
from schemas.leaf import decode_entry

HOLD = "audit.legal_hold"
RELEASED = "audit.legal_hold_released"
RETENTION = "audit.retention"


class Refused(Exception):
    """The range is not pruned; the text says why."""


@dataclass(frozen=True, slots=True)
class Range:
    """One partition's entries."""

    table: str
    first: int
    end: int

    @property
    def perfect(self) -> bool:
        """Whether it is a subtree of the log with whole tiles."""
        size = self.end - self.first
        return size >= WIDTH and size & (size - 1) == 0 and self.first % size == 0


@dataclass(frozen=True, slots=True)
class Said:
    """One entry that decides about pruning."""

    index: int
    tenant: str
    type: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold in force."""

    index: int
    tenant: str
    name: str
    resource: str
    not_before: datetime | None
    before: datetime | None


def said_of(index: int, tenant: str, event_type: str, entry: bytes) -> Said:
    """The entry, decoded; raises :class:`schemas.errors.Unreadable`."""
    return Said(index, tenant, event_type, dict(decode(event_type, decode_entry(entry)[0].value)))


def in_force(said: Iterable[Said]) -> list[Hold]:
    """The holds that are placed and not released; ``said`` in the order of the log."""
    standing: dict[tuple[str, str], Hold] = {}
    for each in said:
        key = each.tenant, str(each.body.get("hold"))
        if each.type == HOLD:
            body = each.body
            times = [moment_of(body[name]) if body[name] else None for name in ("not_before", "before")]
            standing[key] = Hold(each.index, *key, body["resource"], *times)
        elif each.type == RELEASED:
            standing.pop(key, None)
    return list(standing.values())


def permission(said: Iterable[Said], wanted: Range, root: bytes, export: str, anchored: int) -> Said:
    """The ``audit.retention`` entry that lets the range be pruned; raises :class:`Refused`."""
    of_range = [
        each
        for each in said
        if each.type == RETENTION
        and (each.body["first_index"], each.body["end_index"]) == (wanted.first, wanted.end)
    ]
    if not of_range:
        raise Refused(f"no audit.retention entry names entries {wanted.first} to {wanted.end - 1}")
    if not (matching := [each for each in of_range if each.body["root"] == root.hex()]):
        raise Refused("the audit.retention entry names another root")
    if not (matching := [each for each in matching if each.body["export_digest"] == export]):
        raise Refused(f"the audit.retention entry names another export than this one ({export})")
    newest = matching[-1]
    if newest.body["requester"] == newest.body["approver"]:
        raise Refused("one person alone has asked for it")
    if newest.index >= anchored:
        raise Refused("no anchored checkpoint covers the audit.retention entry yet; wait a minute")
    return newest
