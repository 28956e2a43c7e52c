"""The ports to Kafka: event lanes come in, receipts go out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from audit_sink.lanes import LogRecord
from audit_sink.wall import BatchRow, Lane, SignedSize

Poll = Mapping[Lane, Sequence[LogRecord]]
"""Records of some lanes, each lane's in log order."""


@dataclass(frozen=True, slots=True)
class Displaced:
    """A lane that could not be read on where the wall ends."""

    lane: Lane
    reason: Literal["lane_trimmed", "lane_rewound"]
    """The broker dropped records that the wall lacks, or the topic ends before what the wall has."""
    wanted: int
    start: int


class EventLog(Protocol):
    """The event topics. Methods raise :class:`~audit_sink.errors.Unavailable` when Kafka cannot answer."""

    async def start(self, positions: Mapping[Lane, int]) -> Sequence[Displaced]:
        """Reads every lane from its offset on; where the broker lacks it, from its first record."""

    async def poll(self, max_records: int, wait_s: float) -> Poll:
        """What has come, at most ``max_records``; empty when nothing came within ``wait_s``.

        Raises :class:`~audit_sink.errors.PositionLost` when an offset is no longer there.
        """

    async def lag(self) -> Mapping[Lane, int]:
        """Records of each lane that were not polled yet, as the broker sees it."""


@dataclass(frozen=True, slots=True)
class ReceiptEnd:
    """What one partition of the receipts topic last says."""

    batch_no: int = 0
    """Highest batch number, 0 when there is none."""
    expired: bool = False
    """There were receipts, but retention has removed them all."""
    checkpoint: SignedSize | None = None
    """The largest checkpoint among its last records."""


class ReceiptLog(Protocol):
    """The receipts topic; methods raise :class:`~audit_sink.errors.Unavailable`."""

    async def newest(self) -> Mapping[int, ReceiptEnd]:
        """What every partition of the topic last says."""

    async def publish(self, rows: Sequence[BatchRow]) -> None:
        """One receipt per row, in order; returns when the broker has acknowledged all."""

    async def announce(self, checkpoint: SignedSize) -> None:
        """Tells of a checkpoint, so that callers may wait for it."""
