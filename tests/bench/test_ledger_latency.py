"""An event's wait ends with the receipt that covers it, and with the first checkpoint above it."""

from dataclasses import dataclass, field

import bench.kafka as kafka
from bench.ledger_latency import CHECKPOINTED, Heard
from schemas.codec import encode


@dataclass
class Record:
    """A consumed record."""

    topic: str
    partition: int
    timestamp: int
    headers: list[tuple[str, bytes]]
    value: bytes = b""


@dataclass
class Story:
    """What is heard, in order."""

    heard: Heard = field(default_factory=Heard)

    def event(self, sequence: int, at: int, partition: int = 0) -> None:
        headers = [("ce_type", b"governance.policy.evaluated"), ("ce_sequence", str(sequence).encode())]
        self.heard.take(Record(kafka.EVENTS.name, partition, at, headers))

    def receipt(self, first: int, following: int, index: int, at: int) -> None:
        body = {
            "topic": kafka.EVENTS.name,
            "partition": 0,
            "first_lane_seq": first,
            "next_lane_seq": following,
            "first_index": index,
            "next_index": index + following - first,
        }
        record = Record(kafka.RECEIPTS.name, 0, at, [("ce_type", kafka.ENTRY_WRITTEN.encode())])
        record.value = encode(kafka.ENTRY_WRITTEN, {**RECEIPT, **body})
        self.heard.take(record)

    def checkpoint(self, size: int, at: int) -> None:
        body = {"size": size, "root": bytes(32), "note": b"n", "anchored": False}
        record = Record(kafka.RECEIPTS.name, 0, at, [("ce_type", CHECKPOINTED.encode())])
        record.value = encode(CHECKPOINTED, body)
        self.heard.take(record)


RECEIPT = {"batch_no": 1, "from_offset": 0, "next_offset": 9, "root_after": bytes(32)}


def test_waits_are_those_of_the_covering_receipt_and_the_first_checkpoint_above() -> None:
    story = Story()
    for sequence, at in ((1, 100), (2, 110), (3, 120)):
        story.event(sequence, at)
    story.receipt(1, 3, index=50, at=130)
    assert story.heard.waits() is None  # the third is not in the wall yet
    story.receipt(3, 4, index=90, at=150)
    story.checkpoint(51, 1_000)
    assert story.heard.waits() is None  # the third is above the checkpoint
    story.checkpoint(91, 2_000)
    assert story.heard.waits() == ([30.0, 20.0, 30.0], [900.0, 1_890.0, 1_880.0])


def test_an_event_that_is_published_again_keeps_its_first_time() -> None:
    story = Story()
    story.event(1, 100)
    story.event(1, 900)
    story.receipt(1, 2, index=0, at=130)
    story.checkpoint(1, 200)
    assert story.heard.waits() == ([30.0], [100.0])
