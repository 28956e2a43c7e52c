"""Makes one transaction of the wall from sorted records. Pure; runs in a thread.

Columns follow from the entry: a header that is missing, no UTF-8 or contains NUL leaves its column
empty (a missing tenant is the operator's), a long one is cut. Completeness never depends on them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from audit_sink import copy_format
from audit_sink.ledger.frontier import Frontier
from audit_sink.wall import (
    LOG_TREE,
    BatchRow,
    Lane,
    LaneEnd,
    LargeValue,
    LogState,
    PreparedBatch,
    TreeTile,
)
from schemas.envelope import moment_of
from schemas.errors import Unreadable
from schemas.identity import MAX_NAME_CHARS, OPERATOR_TENANT
from schemas.leaf import EventRecord, encode_entry, leaf_hash

OPERATOR: Final = OPERATOR_TENANT.encode()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Run:
    """Events of one lane that follow each other, and where the lane is read on afterwards."""

    lane: Lane
    next_offset: int
    records: Sequence[EventRecord]
    attributes: Sequence[Mapping[str, bytes]]
    """Headers of each record by name."""


def tenants_of(attributes: Iterable[Mapping[str, bytes]]) -> set[bytes]:
    """The tenants of records with these headers, in UTF-8."""
    return {tenant_of(headers) for headers in attributes}


def tenant_of(attributes: Mapping[str, bytes]) -> bytes:
    """The tenant that an entry belongs to."""
    return text_of(attributes.get("ce_tenantid")) or OPERATOR


class Columns(NamedTuple):
    """What the columns of an entry say, as its headers have it."""

    tenant: bytes
    event_id: bytes
    event_type: bytes
    resource: bytes
    actor: bytes
    occurred_us: int | None
    """Microseconds since 1970."""


def columns_of(attributes: Mapping[str, bytes]) -> Columns:
    """The columns that follow from headers."""
    get = attributes.get
    return Columns(
        tenant_of(attributes),
        text_of(get("ce_id")),
        text_of(get("ce_type")),
        text_of(get("ce_subject")),
        text_of(get("ce_actorid")),
        time_of(get("ce_time")),
    )


def prepare(state: LogState, runs: Sequence[Run], trees: Mapping[bytes, Frontier]) -> PreparedBatch:
    """The transaction that appends ``runs`` (at least one, one per lane) to a log in ``state``.

    ``trees`` has the log's and that of every tenant of the runs. An empty run leaves a batch row without
    entries.
    """
    draft = _Draft(state, trees)
    for run in runs:
        draft.add(run, last=run is runs[-1])
    return draft.finish()


class _Draft:
    """One batch in the making."""

    def __init__(self, state: LogState, trees: Mapping[bytes, Frontier]) -> None:
        self._state = state
        self._edge = state.edge
        self._chain = state.chain
        self._lanes = dict(state.lanes)
        self._known = trees
        self._leaves: dict[bytes, list[bytes]] = {LOG_TREE: []}
        self._rows: list[BatchRow] = []
        self._pieces: list[bytes] = [copy_format.START]
        self._large: list[LargeValue] = []
        self._oldest: int | None = None

    def add(self, run: Run, last: bool) -> None:
        end = self._state.lane(run.lane)
        before = self._edge.size
        hashes = self._append_entries(run, before)
        self._leaves[LOG_TREE] += hashes
        self._edge = self._edge.extend(hashes)
        row = BatchRow(
            batch_no=self._state.batch_no + len(self._rows) + 1,
            topic=run.lane.topic,
            partition=run.lane.partition,
            # Lower than before only in a topic that was made anew.
            from_offset=min(end.next_offset, run.next_offset),
            next_offset=run.next_offset,
            first_lane_seq=end.next_lane_seq,
            next_lane_seq=end.next_lane_seq + len(hashes),
            first_index=before,
            next_index=self._edge.size,
            root_after=self._edge.root(),
            right_edge=self._edge.encode() if last else None,
            prev_hash=self._chain,
        )
        self._chain = row.digest()
        self._rows.append(row)
        self._lanes[run.lane] = LaneEnd(row.next_lane_seq, row.next_offset, row.batch_no)

    def finish(self) -> PreparedBatch:
        self._pieces.append(copy_format.END)
        trees: dict[bytes, Frontier] = {}
        tiles: list[TreeTile] = []
        for name, leaves in self._leaves.items():
            trees[name], full = self._known[name].extend(leaves)
            tiles += [TreeTile(name, *tile) for tile in full]
        return PreparedBatch(
            rows=tuple(self._rows),
            payload=b"".join(self._pieces),
            entries=self._edge.size - self._state.edge.size,
            large=tuple(self._large),
            tiles=tuple(tiles),
            trees=trees,
            after=LogState(self._state.batch_no + len(self._rows), self._chain, self._edge, self._lanes),
            oldest_us=self._oldest,
        )

    def _append_entries(self, run: Run, index: int) -> list[bytes]:
        lane_fields = copy_format.lane_fields(*run.lane)
        hashes = []
        for record, attributes in zip(run.records, run.attributes, strict=True):
            entry, large = encode_entry(record)
            digest = leaf_hash(entry)
            hashes.append(digest)
            columns = columns_of(attributes)
            tenant, occurred = columns.tenant, columns.occurred_us
            if large is not None:
                self._large.append(LargeValue(tenant, sha256(large).digest(), large))
            if occurred is not None and (self._oldest is None or occurred < self._oldest):
                self._oldest = occurred
            place = self._place(tenant, digest)
            self._pieces += copy_format.row(
                index, tenant, place, lane_fields, record.lane_seq, columns[1:5], occurred, digest, entry
            )
            index += 1
        return hashes

    def _place(self, tenant: bytes, digest: bytes) -> int:
        """The entry's place in its tenant's tree."""
        leaves = self._leaves.get(tenant)
        if leaves is None:
            leaves = self._leaves[tenant] = []
        leaves.append(digest)
        return self._known[tenant].size + len(leaves) - 1


def text_of(data: bytes | None) -> bytes:
    """What a column says of a header: at most :data:`MAX_NAME_CHARS` characters, or nothing."""
    if data is None:
        return b""
    if len(data) <= MAX_NAME_CHARS and data.isascii() and 0 not in data:
        return data
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return b""
    return b"" if "\0" in text else text[:MAX_NAME_CHARS].encode()


@lru_cache(maxsize=4096)
def time_of(data: bytes | None) -> int | None:
    """A header's time in microseconds since 1970; None where it is none."""
    try:
        return (moment_of((data or b"").decode()) - _EPOCH) // _MICROSECOND
    except (UnicodeDecodeError, Unreadable):
        return None
