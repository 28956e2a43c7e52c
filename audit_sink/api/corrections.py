"""A corrected entry and its corrections are shown together: each names the other.

A correction counts only where the original stands earlier, in the same lane of the same tenant, with the
leaf hash that the correction names.
"""

from collections.abc import Sequence

from audit_sink.api.models import Corrected, Correction, Entry
from audit_sink.api.trail import StoredEntry, Trail
from audit_sink.api.view import entry_view
from audit_sink.ledger.correction import CORRECTION
from projections.tokens import Caller


async def together(trail: Trail, caller: Caller, page: Sequence[Entry]) -> list[Entry]:
    """The entries, each with what corrects it and with what it corrects, as the caller may see it."""
    found = [_view(each) for each in await trail.related(caller, _corrected(page), _claimed(page))]
    every = {entry.index: entry for entry in (*found, *page)}
    return [entry.model_copy(update=_relations(entry, list(every.values()))) for entry in page]


def _corrected(page: Sequence[Entry]) -> list[tuple[str, str]]:
    """Tenant and id of every entry that may have been corrected."""
    return [(entry.tenant_id, entry.event_id) for entry in page]


def _claimed(page: Sequence[Entry]) -> list[str]:
    return [str(entry.details["event_id"]) for entry in page if _is_correction(entry) and entry.details]


def _relations(entry: Entry, others: Sequence[Entry]) -> dict[str, object]:
    corrections = sorted((o for o in others if _corrects(o, entry)), key=lambda other: other.index)
    original = next((o for o in others if _corrects(entry, o)), None)
    return {
        "corrections": [_correction(each) for each in corrections],
        "corrects": None if original is None else _original(original),
    }


def _corrects(correction: Entry, original: Entry) -> bool:
    said = correction.details
    return (
        _is_correction(correction)
        and said is not None
        and original.index < correction.index
        and (original.tenant_id, original.lane) == (correction.tenant_id, correction.lane)
        and (original.event_id, original.lane_seq, original.leaf_hash)
        == (said["event_id"], said["lane_seq"], said["leaf_hash"])
    )


def _is_correction(entry: Entry) -> bool:
    return entry.event_type == CORRECTION


def _correction(entry: Entry) -> Correction:
    said = entry.details or {}
    return Correction(
        index=entry.index,
        event_id=entry.event_id,
        occurred_at=entry.occurred_at,
        leaf_hash=entry.leaf_hash,
        **{name: said[name] for name in ("reason", "details", "requester", "approver")},
    )


def _original(entry: Entry) -> Corrected:
    return Corrected(
        index=entry.index,
        event_id=entry.event_id,
        event_type=entry.event_type,
        occurred_at=entry.occurred_at,
        leaf_hash=entry.leaf_hash,
    )


def _view(stored: StoredEntry) -> Entry:
    return entry_view(stored, {}, with_large_value=False)
