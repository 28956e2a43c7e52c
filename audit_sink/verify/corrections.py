"""Every correction names an entry that stands earlier in its lane, by its leaf hash.

Corrections are few: while the log is read, only the place of every 256th entry of each lane is kept, and
what a correction names is read again from there.
"""

from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit_sink.ledger.correction import Claim, claim_of
from audit_sink.ledger.reading import Contradiction
from audit_sink.ledger.tiles import WIDTH, Bundle, Tile, decode_bundle, hashes_of
from audit_sink.verify.chunk import STEP
from audit_sink.verify.report import Check
from audit_sink.verify.sources import Files, tile_or_wider
from audit_sink.wall import Lane
from schemas.errors import Unreadable
from schemas.leaf import EventRecord, decode_entry, leaf_hash


@dataclass(slots=True)
class Corrections:
    """What was claimed, to be compared once the log is read."""

    check: Check
    _places: dict[Lane, "array[int]"] = field(default_factory=dict)
    _claims: list[tuple[int, Claim]] = field(default_factory=list)

    def follow(self, marks: Iterable[tuple[Lane, int, int]]) -> None:
        """Takes sequence and place of every :data:`STEP` th entry of the lanes, in order."""
        for lane, lane_seq, index in marks:
            places = self._places.setdefault(lane, array("q"))
            # What is pruned has no places: there, one reads on from the last.
            lacking = (lane_seq - 1) // STEP - len(places)
            places.extend([places[-1] if places else 0] * lacking)
            places.append(index)

    def hear(self, index: int, record: EventRecord) -> None:
        """Takes a correction."""
        self.check.compared += 1
        try:
            self._claims.append((index, claim_of(index, record)))
        except Contradiction as error:
            self.check.fail(str(error), index)

    def saved(self) -> Mapping[str, Any]:
        """All of it, for :meth:`restore`."""
        return {
            "places": [
                [*lane, b64encode(places.tobytes()).decode()] for lane, places in self._places.items()
            ],
            "claims": [
                [index, claim.event_id, *claim.lane, claim.lane_seq, claim.leaf_hash.hex()]
                for index, claim in self._claims
            ],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Goes on from what was saved."""
        self._places = {
            Lane(topic, partition): array("q", b64decode(places))
            for topic, partition, places in saved["places"]
        }
        self._claims = [
            (index, Claim(event_id, Lane(topic, partition), lane_seq, bytes.fromhex(leaf_hash)))
            for index, event_id, topic, partition, lane_seq, leaf_hash in saved["claims"]
        ]

    async def compare(self, files: Files, size: int) -> None:
        """Looks up what each correction names; ``size`` entries were read."""
        for index, claim in self._claims:
            leaf = await self._leaf(files, claim, index, size)
            if leaf != claim.leaf_hash:
                named = f"sequence {claim.lane_seq} of {claim.lane.topic}/{claim.lane.partition}"
                wrong = "has another leaf hash" if leaf else "does not stand before it"
                self.check.fail(f"correction {index}: {named} {wrong}", index)

    async def _leaf(self, files: Files, claim: Claim, end: int, size: int) -> bytes | None:
        places = self._places.get(claim.lane, ())
        mark = (claim.lane_seq - 1) // STEP
        at = places[min(mark, len(places) - 1)] if places else 0
        while at < end:
            place, first = divmod(at, WIDTH)
            data = await tile_or_wider(files, Bundle(place, min(WIDTH, size - place * WIDTH)))
            if data is None and await _is_kept(files, place, claim.leaf_hash):
                return claim.leaf_hash
            for entry in decode_bundle(data or b"")[first : end - place * WIDTH]:
                if _is(entry, claim.lane, claim.lane_seq):
                    return leaf_hash(entry)
            at = (place + 1) * WIDTH
        return None


async def _is_kept(files: Files, place: int, leaf: bytes) -> bool:
    """Whether a leaf is among those of a bundle that was pruned."""
    tile = await files.get(Tile(0, place).path)
    return tile is not None and leaf in hashes_of(tile)


def _is(entry: bytes, lane: Lane, lane_seq: int) -> bool:
    try:
        record = decode_entry(entry)[0]
    except Unreadable:
        return False
    return (record.topic, record.partition, record.lane_seq) == (*lane, lane_seq)
