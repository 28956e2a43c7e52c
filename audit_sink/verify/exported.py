"""An exported file: every row is in the log, and says what its entry says."""

import csv
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
from arro3.io import read_parquet

from audit_sink.api.formats import Proven, cells, line, safe
from audit_sink.api.models import Entry
from audit_sink.api.trail import StoredEntry
from audit_sink.api.view import entry_view
from audit_sink.append import columns_of
from audit_sink.ledger.checkpoint import Checkpoint
from audit_sink.ledger.note import BadNote
from audit_sink.ledger.proofs import BadProof, check_inclusion
from audit_sink.ledger.reading import moment
from audit_sink.verify.trust import Trust
from schemas.errors import Unreadable
from schemas.leaf import decode_entry, leaf_hash

Row = Mapping[str, Any]

UNPROVEN: Final = frozenset({"tenant_index", "corrections", "corrects"})
"""Columns that do not follow from the entry: its tenant's head, and the corrections' own rows, prove them."""


def check_exported(path: Path, trust: Trust) -> tuple[int, Checkpoint]:
    """How many rows hold under the checkpoint beside the file; raises BadNote at the first that does not."""
    checkpoint = trust.checkpoint(path.with_name(f"{path.name}.checkpoint").read_bytes())
    count = 0
    for row in _rows(path):
        try:
            _check(row, checkpoint, _EXPECTED[path.suffix])
        except (KeyError, ValueError, TypeError, Unreadable) as error:
            raise BadNote(f"row {count} cannot be read: {error!r}") from error
        count += 1
    return count, checkpoint


def _check(row: Row, checkpoint: Checkpoint, expected_of: Callable[[Proven], Row]) -> None:
    index, entry = int(row["index"]), b64decode(row["entry"], validate=True)
    given = row["proof"].split() if isinstance(row["proof"], str) else row["proof"]
    proof = [bytes.fromhex(each) for each in given]
    try:
        check_inclusion(leaf_hash(entry), index, checkpoint.size, proof, checkpoint.root)
    except BadProof as error:
        raise BadNote(f"entry {index}: {error}") from error
    expected = expected_of(Proven(_view(row, index, entry), proof))
    for name in expected.keys() - UNPROVEN:
        if row[name] != expected[name]:
            raise BadNote(f"entry {index} says something else than its bytes: {name}")


def _view(row: Row, index: int, entry: bytes) -> Entry:
    """What the read endpoint shows of these bytes."""
    record, large = decode_entry(entry)
    columns = columns_of(dict(record.headers))
    tenant = columns.tenant.decode()
    stored = StoredEntry(
        index, tenant, int(row["tenant_index"]), moment(columns.occurred_us), leaf_hash(entry), entry
    )
    values = {}
    if large is not None:
        value = b64decode(row["large_value"] or "", validate=True)
        if (sha256(value).digest(), len(value)) != large:
            raise BadNote(f"the value of entry {index} is another")
        values[tenant, large[0]] = value
    return entry_view(stored, values, with_large_value=True)


def _as_text(row: Proven) -> Row:
    return {name: str(safe(value)) for name, value in cells(row).items()}


def _as_line(row: Proven) -> Row:
    document: Row = orjson.loads(line(row))
    return document


_EXPECTED: Final[Mapping[str, Callable[[Proven], Row]]] = {
    ".jsonl": _as_line,
    ".csv": _as_text,
    ".parquet": cells,
}


def _rows(path: Path) -> Iterator[Row]:
    if path.suffix == ".jsonl":
        with path.open("rb") as lines:
            yield from map(orjson.loads, lines)
    elif path.suffix == ".csv":
        csv.field_size_limit(1 << 24)
        with path.open(encoding="utf-8", newline="") as text:
            yield from csv.DictReader(text)
    else:
        for batch in read_parquet(path):
            names = batch.schema.names
            columns = [batch.column(name).to_pylist() for name in names]
            for values in zip(*columns, strict=True):
                yield dict(zip(names, values, strict=True))
