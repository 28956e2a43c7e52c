"""A checkpoint's text (C2SP tlog-checkpoint): origin, size and root, no extension lines."""

import base64
import binascii
from dataclasses import dataclass

from audit_sink.ledger.note import BadNote
from audit_sink.ledger.proofs import MAX_SIZE
from audit_sink.ledger.tree import HASH_BYTES


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the log commits to at one moment."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def read_checkpoint(text: str) -> Checkpoint:
    """Raises :class:`~audit_sink.ledger.note.BadNote` for anything but the one form of three lines."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise BadNote("a checkpoint has three lines: origin, size and root")
    try:
        size = int(lines[1]) if lines[1].isascii() and lines[1].isdigit() and len(lines[1]) < 20 else -1
        found = Checkpoint(lines[0], size, base64.b64decode(lines[2], validate=True))
    except (binascii.Error, ValueError):
        raise BadNote("the root is no base64") from None
    if not 0 <= size <= MAX_SIZE or len(found.root) != HASH_BYTES or found.text() != text:
        raise BadNote("size or root is not in its one form")
    return found
