"""What one record of the receipts topic says."""

from dataclasses import dataclass
from typing import Final

from schemas.codec import decode
from schemas.errors import Unreadable

TYPE: Final = "governance.audit.entry_written"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Events of a lane below ``next_sequence`` are in the wall."""

    topic: str
    partition: int
    next_sequence: int


def read_receipt(value: bytes | None) -> Receipt:
    """The receipt of a record's value; raises :class:`~schemas.errors.Unreadable`."""
    body = decode(TYPE, value)
    topic, partition, following = body["topic"], body["partition"], body["next_lane_seq"]
    if not (isinstance(topic, str) and isinstance(partition, int) and isinstance(following, int)):
        raise Unreadable("undecodable", "the receipt names no lane")
    return Receipt(topic, partition, following)
