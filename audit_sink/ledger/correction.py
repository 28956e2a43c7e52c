"""What an ``audit.correction`` claims about the entry that it corrects."""

from dataclasses import dataclass
from typing import Any, Final

from audit_sink.ledger.reading import Contradiction
from audit_sink.wall import Lane
from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.leaf import EventRecord

CORRECTION: Final = "audit.correction"
"""Type of the event."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The corrected event: it stands in the correction's own lane, earlier, with this leaf hash."""

    event_id: str
    lane: Lane
    lane_seq: int
    leaf_hash: bytes


def is_correction(record: EventRecord) -> bool:
    """By its type."""
    return dict(record.headers).get("ce_type") == CORRECTION.encode()


def claim_of(index: int, record: EventRecord) -> Claim:
    """The claim of the correction at ``index``; raises Contradiction (``corrections``) for one without."""
    try:
        body: dict[str, Any] = dict(decode(CORRECTION, record.value))
        lane = Lane(body["topic"], body["partition"])
        claim = Claim(body["event_id"], lane, body["lane_seq"], bytes.fromhex(body["leaf_hash"]))
    except (Unreadable, ValueError) as error:
        raise Contradiction("corrections", f"correction {index} cannot be read: {error}", index) from None
    if lane != (record.topic, record.partition) or not 1 <= claim.lane_seq < record.lane_seq:
        raise Contradiction("corrections", f"correction {index} is of no earlier entry of its lane", index)
    return claim
