"""Receipts: one ``governance.audit.entry_written`` per batch row, except of the wall's own lanes."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from audit_sink.continuity import BRING_BACK
from audit_sink.errors import Behind
from audit_sink.log import ReceiptEnd
from audit_sink.notices import SOURCE
from audit_sink.wall import BatchRow, Lane, LogState, SignedSize, WallStore
from schemas.codec import decode, encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.errors import Unreadable
from schemas.identity import OPERATOR_TENANT, partition_for, position_event_id
from schemas.topics import topics

ENTRY_WRITTEN: Final = "governance.audit.entry_written"
CHECKPOINTED: Final = "governance.audit.checkpointed"
CHECKPOINTS_PARTITION: Final = 0
"""The partition of the receipts topic that tells of checkpoints."""
RESEND_ROWS: Final = 1_000
"""Batch rows read and sent at once when receipts are missing."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One record of the receipts topic."""

    partition: int
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


def partition_of(lane: Lane) -> int:
    """The partition of the receipts topic that has a lane's receipts."""
    return partition_for(_key(lane), topics().receipts.partitions)


def receipt_of(row: BatchRow, now: datetime) -> Receipt:
    """The receipt of a batch row, sent at ``now``."""
    lane, topic = row.lane, topics().receipts.name
    partition = partition_of(lane)
    envelope = Envelope(
        id=position_event_id(topic, partition, row.batch_no, 0),
        type=ENTRY_WRITTEN,
        source=SOURCE,
        subject=f"lane/{lane.topic}/{lane.partition}",
        time=timestamp(now.astimezone(UTC)),
        tenant=OPERATOR_TENANT,
        actor=SOURCE,
        sequence=row.batch_no,
    )
    body = {name: getattr(row, name) for name in _BODY}
    return Receipt(partition, _key(lane), headers_of(envelope), encode(ENTRY_WRITTEN, body))


def checkpoint_receipt(checkpoint: SignedSize, now: datetime) -> Receipt:
    """The announcement of a checkpoint."""
    envelope = Envelope(
        id=position_event_id(CHECKPOINTED, 0, checkpoint.size, 0),
        type=CHECKPOINTED,
        source=SOURCE,
        subject="log",
        time=timestamp(now.astimezone(UTC)),
        tenant=OPERATOR_TENANT,
        actor=SOURCE,
        sequence=checkpoint.size,
    )
    body = {name: getattr(checkpoint, name) for name in ("size", "root", "note", "anchored")}
    return Receipt(CHECKPOINTS_PARTITION, b"checkpoint", headers_of(envelope), encode(CHECKPOINTED, body))


def checkpoint_of(value: bytes) -> SignedSize | None:
    """The checkpoint that an announcement's body tells of; None where it cannot be read."""
    try:
        body = decode(CHECKPOINTED, value)
    except Unreadable:
        return None
    match body:
        case {"size": int(size), "root": bytes(root), "note": bytes(note), "anchored": bool(anchored)}:
            return SignedSize(size, root, note, anchored)
    return None


async def missing_rows(
    wall: WallStore, state: LogState, known: Mapping[int, ReceiptEnd]
) -> AsyncIterator[Sequence[BatchRow]]:
    """The batch rows whose receipts the topic lacks, in order within each of its partitions.

    ``known`` must have been read before ``state``. Raises :class:`Behind` when it names more batches.
    """
    if (named := max((end.batch_no for end in known.values()), default=0)) > state.batch_no:
        raise Behind(f"receipts name batch {named}, the database ends at {state.batch_no}. {BRING_BACK}")
    by_partition: dict[int, list[Lane]] = {}
    for lane in state.lanes:
        if is_event_lane(lane):
            by_partition.setdefault(partition_of(lane), []).append(lane)
    for partition, lanes in by_partition.items():
        end = known.get(partition, ReceiptEnd())
        newest = max(state.lanes[lane].batch_no for lane in lanes)
        # Where retention took all receipts, the newest row says enough: everything before it is in the wall.
        after = newest - 1 if end.expired else end.batch_no
        while after < newest:
            rows = await wall.rows_after(after, lanes, RESEND_ROWS)
            if not rows:
                break
            yield rows
            after = rows[-1].batch_no


def is_event_lane(lane: Lane) -> bool:
    """Whether a lane comes from Kafka; the wall's own lanes have no receipts."""
    return not lane.topic.startswith("wall.")


def _key(lane: Lane) -> bytes:
    return f"{lane.topic}/{lane.partition}".encode()


_BODY: Final = (
    "topic",
    "partition",
    "batch_no",
    "first_lane_seq",
    "next_lane_seq",
    "first_index",
    "next_index",
    "root_after",
)
