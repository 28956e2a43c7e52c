"""One entry's proof as a file (C2SP tlog-proof): index, inclusion proof, checkpoint, the entry as extra."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from audit_sink.ledger.note import BadNote
from audit_sink.ledger.proofs import MAX_SIZE
from audit_sink.ledger.tree import HASH_BYTES

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_FILE_BYTES: Final = 4_194_304
"""Bound of what is read: the largest entry, 63 hashes and a note are far below."""


@dataclass(frozen=True, slots=True)
class ProofFile:
    """``checkpoint`` is the signed note, byte for byte; ``extra`` is not authenticated by itself."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The file."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {_b64(self.extra)}")
        lines += [f"index {self.index}", *map(_b64, self.proof), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def read_proof_file(data: bytes) -> ProofFile:
    """Raises :class:`~audit_sink.ledger.note.BadNote` for anything but the one form."""
    if len(data) > MAX_FILE_BYTES:
        raise BadNote(f"a proof file of {len(data)} bytes is not read")
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise BadNote("the proof file has other characters than ASCII before its checkpoint") from None
    if not blank or lines.pop(0) != HEADER:
        raise BadNote(f"the file does not begin with {HEADER}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _unb64(lines.pop(0).removeprefix("extra "))
    number = lines.pop(0).removeprefix("index ") if lines and lines[0].startswith("index ") else ""
    if not number.isdigit() or len(number) > 19 or int(number) > MAX_SIZE:
        raise BadNote("the proof file names no index")
    found = ProofFile(int(number), tuple(map(_unb64, lines)), checkpoint, extra)
    if any(len(each) != HASH_BYTES for each in found.proof) or found.encode() != data:
        raise BadNote("the proof file is not in its one form")
    return found


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("a line of the proof file is no base64") from None
