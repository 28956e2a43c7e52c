"""The rules of a witness (C2SP tlog-witness, ``add-checkpoint``). Pure."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from audit_sink.ledger.checkpoint import Checkpoint, read_checkpoint
from audit_sink.ledger.keys import Signer, Verifier
from audit_sink.ledger.note import BadNote, read_note
from audit_sink.ledger.proofs import BadProof, check_consistency
from audit_sink.ledger.tree import EMPTY_ROOT

MAX_PROOF: Final = 63
"""Most hashes of a consistency proof."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and body."""

    status: int
    body: str = ""


def request_body(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """What is posted: the old size, the proof, and the signed checkpoint."""
    lines = [f"old {old}", *(base64.b64encode(each).decode() for each in proof), "", ""]
    return "\n".join(lines).encode() + note


@dataclass(slots=True)
class WitnessState:
    """A witness of some logs: their keys by origin, and the newest checkpoint that it cosigned of each.

    The caller persists ``seen`` before it sends an answer, and asks about one request at a time.
    """

    key: Signer
    logs: dict[str, Verifier]
    seen: dict[str, Checkpoint] = field(default_factory=dict)

    def add_checkpoint(self, body: bytes, time_s: int) -> Answer:
        """The answer to a request; 200 has moved ``seen`` on."""
        try:
            old, proof, data = _read_request(body)
            note = read_note(data)
            checkpoint = read_checkpoint(note.text)
        except BadNote as error:
            return Answer(400, f"{error}\n")
        log = self.logs.get(checkpoint.origin)
        if log is None:
            return Answer(404)
        try:
            log.verify(note)
        except BadNote:
            return Answer(403)
        if old > checkpoint.size:
            return Answer(400, "the old size is above the checkpoint's\n")
        before = self.seen.get(checkpoint.origin, Checkpoint(checkpoint.origin, 0, EMPTY_ROOT))
        if old != before.size:
            return Answer(409, f"{before.size}\n")
        if old == checkpoint.size and before.root != checkpoint.root:
            return Answer(409, f"{before.size}\n")
        try:
            check_consistency(old, checkpoint.size, before.root, checkpoint.root, proof)
        except BadProof as error:
            return Answer(422, f"{error}\n")
        self.seen[checkpoint.origin] = checkpoint
        return Answer(200, self.key.sign(note.text, time_s).line())


def _read_request(body: bytes) -> tuple[int, list[bytes], bytes]:
    head, blank, note = body.partition(b"\n\n")
    lines = head.decode("ascii", errors="replace").split("\n")
    number = lines[0].removeprefix("old ")
    plain = number.isascii() and number.isdigit() and len(number) < 20 and str(int(number)) == number
    if not blank or not lines[0].startswith("old ") or not plain or len(lines) > MAX_PROOF + 1:
        raise BadNote("the request does not begin with an old size and at most 63 hashes")
    try:
        return int(number), [base64.b64decode(line, validate=True) for line in lines[1:]], note
    except (binascii.Error, ValueError):
        raise BadNote("a hash of the proof is no base64") from None
