"""However many entries an export has, what is held of them at once is the same."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import cache
from typing import Final
from weakref import WeakSet

import pytest

from audit_sink.api.filters import Format
from audit_sink.api.formats import ROW_GROUP, Proven, written
from audit_sink.api.models import Entry
from audit_sink.api.trail import StoredEntry
from audit_sink.api.view import entry_view
from schemas.leaf import encode_entry, leaf_hash
from tests.audit_sink.lane_events import event
from tests.audit_sink.signed_wall import LANE

ROWS: Final = 256
"""Rows of a portion, as the endpoint reads them."""
PIECE: Final = 1024 * 1024
"""A piece's bytes at most: a portion as JSON lines has some 620,000."""
AHEAD: Final = {"jsonl": 1, "csv": 1, "parquet": 2 * ROW_GROUP // ROWS + 2}
"""Portions that a format may have taken of which nothing was sent: Parquet's row groups, and the pipe."""


class Portion(list[Proven]):
    """One that can be watched."""

    __hash__ = object.__hash__  # type: ignore[assignment]


@cache
def entry() -> Entry:
    record = event(LANE, 1)
    data, _ = encode_entry(record)
    digest = leaf_hash(data)
    return entry_view(StoredEntry(1, "acme", 1, None, digest, data), {}, with_large_value=True)


def row_of(index: int) -> Proven:
    row = entry().model_copy(update={"index": index, "event_id": str(index)})
    return Proven(row, (index.to_bytes(32, "big"),) * 20)


class Source:
    """Portions of many rows, and how many of them were alive at once."""

    def __init__(self, portions: int) -> None:
        self.left, self.taken, self.most = portions, 0, 0
        self.alive: WeakSet[Portion] = WeakSet()

    async def portions(self) -> AsyncIterator[Sequence[Proven]]:
        for number in range(self.left):
            made = Portion(row_of(number * ROWS + n) for n in range(ROWS))
            self.alive.add(made)
            self.taken, self.most = self.taken + 1, max(self.most, len(self.alive))
            yield made
            del made


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("portions", [40, 160])
async def test_the_rows_held_at_once_do_not_grow_with_the_export(form: Format, portions: int) -> None:
    source = Source(portions)
    largest = total = 0
    async for piece in written(form, source.portions()):
        largest, total = max(largest, len(piece)), total + len(piece)
    assert source.taken == portions
    assert source.most <= 3
    assert largest <= PIECE
    assert total > portions * ROWS


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
async def test_an_export_reads_no_further_than_it_is_listened_to(form: Format) -> None:
    source = Source(400)
    pieces = written(form, source.portions())
    await anext(pieces)
    before = -1
    while source.taken != before:  # until the writer waits for its listener
        before = source.taken
        await asyncio.sleep(0.5)
    assert source.taken <= AHEAD[form]
    await pieces.aclose()  # type: ignore[attr-defined]
