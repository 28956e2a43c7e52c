"""Exported entries as JSON lines, CSV or Parquet: each row with its proof, in little memory."""

import asyncio
import csv
import io
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from anyio import CancelScope
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet

from audit_sink.api.filters import Format
from audit_sink.api.models import Entry
from schemas.envelope import timestamp


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry and its inclusion proof under the export's checkpoint."""

    entry: Entry
    proof: Sequence[bytes]


Portions = AsyncIterator[Sequence[Proven]]

MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}

ROW_GROUP: Final = 8_192
"""Rows of one Parquet row group, which is what its writer holds in memory."""
PIECE_BYTES: Final = 65_536
"""Bytes that are sent at once, and that the Parquet writer may be ahead of them."""

_COLUMNS: Final[Mapping[str, Callable[[Proven], object]]] = {
    "index": lambda row: row.entry.index,
    "tenant_id": lambda row: row.entry.tenant_id,
    "tenant_index": lambda row: row.entry.tenant_index,
    "event_id": lambda row: row.entry.event_id,
    "event_type": lambda row: row.entry.event_type,
    "actor_id": lambda row: row.entry.actor_id,
    "resource_type": lambda row: row.entry.resource_type,
    "resource_id": lambda row: row.entry.resource_id,
    "action": lambda row: row.entry.action,
    "occurred_at": lambda row: "" if row.entry.occurred_at is None else timestamp(row.entry.occurred_at),
    "correlation_id": lambda row: row.entry.correlation_id,
    "causation_id": lambda row: row.entry.causation_id,
    "topic": lambda row: row.entry.lane.topic,
    "partition": lambda row: row.entry.lane.partition,
    "lane_seq": lambda row: row.entry.lane_seq,
    "details": lambda row: _json(row.entry.details),
    "corrections": lambda row: _json([each.model_dump() for each in row.entry.corrections]),
    "corrects": lambda row: _json(row.entry.corrects and row.entry.corrects.model_dump()),
    "leaf_hash": lambda row: row.entry.leaf_hash,
    "entry": lambda row: row.entry.entry,
    "large_value": lambda row: row.entry.large_value or "",
    "proof": lambda row: " ".join(each.hex() for each in row.proof),
}
"""The columns of CSV and Parquet; nested things are JSON, hashes are hex, bytes are base64."""

_NUMBERS: Final = frozenset({"index", "tenant_index", "partition", "lane_seq"})
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
"""What makes a spreadsheet take a cell for a formula, full-width forms included (OWASP: CSV injection)."""


def written(form: Format, portions: Portions) -> AsyncIterator[bytes]:
    """The bytes of the file, piece by piece."""
    return {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}[form](portions)


def line(row: Proven) -> bytes:
    """A row as one line of JSON."""
    document = {**row.entry.model_dump(), "proof": [each.hex() for each in row.proof]}
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def cells(row: Proven) -> Mapping[str, object]:
    """A row of CSV or Parquet."""
    return {name: value(row) for name, value in _COLUMNS.items()}


def safe(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: an apostrophe goes before what might be one."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


async def _jsonl(portions: Portions) -> AsyncIterator[bytes]:
    async for rows in portions:
        yield b"".join(map(line, rows))


async def _csv(portions: Portions) -> AsyncIterator[bytes]:
    yield ",".join(_COLUMNS).encode() + b"\r\n"
    async for rows in portions:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerows(map(safe, cells(row).values()) for row in rows)
        yield text.getvalue().encode()


def _json(value: object) -> str:
    return "" if value is None else orjson.dumps(value).decode()


_SCHEMA: Final = Schema(
    [
        Field(name, DataType.int64() if name in _NUMBERS else DataType.string(), nullable=False)
        for name in _COLUMNS
    ]
)


async def _parquet(portions: Portions) -> AsyncIterator[bytes]:
    """Its writer is synchronous: it runs in a thread, takes rows from this loop and writes into a pipe."""
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    abandoned = False

    def batches() -> Iterator[RecordBatch]:
        while not abandoned:
            rows = asyncio.run_coroutine_threadsafe(_following(portions), loop).result()
            if rows is None:
                return
            yield _record_batch(rows)

    def write() -> None:
        with open(writing, "wb") as file:  # noqa: PTH123 - a descriptor
            reader = RecordBatchReader.from_batches(_SCHEMA, batches())
            write_parquet(reader, file, compression="zstd(3)", max_row_group_size=ROW_GROUP)

    written = asyncio.create_task(asyncio.to_thread(write))
    try:
        while piece := await asyncio.to_thread(os.read, reading, PIECE_BYTES):
            yield piece
        await written
    finally:
        abandoned = True
        with CancelScope(shield=True):
            # Whoever stopped listening leaves a writer that waits for room in the pipe.
            while await asyncio.to_thread(os.read, reading, PIECE_BYTES):
                pass
            await asyncio.wait([written])
        os.close(reading)


async def _following(portions: Portions) -> Sequence[Proven] | None:
    return await anext(portions, None)


def _record_batch(rows: Sequence[Proven]) -> RecordBatch:
    arrays = [
        Array([value(row) for row in rows], DataType.int64() if name in _NUMBERS else DataType.string())
        for name, value in _COLUMNS.items()
    ]
    return RecordBatch.from_arrays(arrays, schema=_SCHEMA)
