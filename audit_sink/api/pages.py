"""Stored entries in portions that fit into memory."""

from collections.abc import Mapping, Sequence

from audit_sink.api.filters import PAGE_BYTES
from audit_sink.api.trail import StoredEntry, Trail
from audit_sink.api.view import LargeValues
from projections.tokens import Caller
from schemas.leaf import large_value_of


async def large_values_of(trail: Trail, caller: Caller, page: Sequence[StoredEntry]) -> LargeValues:
    """The values that the entries of a page only digest."""
    digests = {large[0] for stored in page if (large := large_value_of(stored.entry)) is not None}
    found: Mapping[tuple[str, bytes], bytes] = {}
    if digests:
        found = await trail.large_values(caller, sorted(digests))
    return found


def fitting(page: Sequence[StoredEntry]) -> Sequence[StoredEntry]:
    """The page, ended where its entries pass PAGE_BYTES; at least one entry."""
    size = 0
    for place, stored in enumerate(page):
        large = large_value_of(stored.entry)
        size += len(stored.entry) + (0 if large is None else large[1])
        if size > PAGE_BYTES and place:
            return page[:place]
    return page
