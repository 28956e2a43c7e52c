"""What a verifier believes beforehand: a JSON file that came by another way than the log.

    {"origin": "wall.example/log", "keys": ["wall.example/log+1a2b3c4d+AQ..."],
     "witnesses": ["witness.example/w1+..."], "quorum": 1, "guard": "<hex>"}

``keys`` are the log's, each of which must have signed; ``guard`` is the digest of what protects the wall, or
a list of them where migrations changed it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit_sink.ledger.checkpoint import Checkpoint, read_checkpoint
from audit_sink.ledger.keys import Verifier, verifier
from audit_sink.ledger.note import BadNote, read_note


class BadTrust(Exception):
    """The trust file is none; the text says why."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Origin, keys and expectations."""

    origin: str
    keys: tuple[Verifier, ...]
    witnesses: tuple[Verifier, ...] = ()
    quorum: int = 0
    guards: tuple[str, ...] = ()

    def checkpoint(self, data: bytes) -> Checkpoint:
        """The checkpoint of a note; raises BadNote unless every key and a quorum of witnesses signed."""
        note = read_note(data)
        for key in self.keys:
            key.verify(note)
        cosigned = 0
        for witness in self.witnesses:
            try:
                witness.verify(note)
            except BadNote:
                continue
            cosigned += 1
        if cosigned < self.quorum:
            raise BadNote(f"{cosigned} known witnesses cosigned, {self.quorum} must")
        checkpoint = read_checkpoint(note.text)
        if checkpoint.origin != self.origin:
            raise BadNote(f"the checkpoint is of the log {checkpoint.origin!r}")
        return checkpoint


def read_trust(path: Path) -> Trust:
    """The trust of a file; raises :class:`BadTrust`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadTrust(str(error)) from error
    if not isinstance(document, dict):
        raise BadTrust("it is no JSON object")
    return trust_of(document)


def trust_of(document: Mapping[str, Any]) -> Trust:
    """Raises :class:`BadTrust`."""
    if unknown := sorted(set(document) - {"origin", "keys", "witnesses", "quorum", "guard"}):
        raise BadTrust(f"unknown: {', '.join(unknown)}")
    origin, keys = document.get("origin"), document.get("keys")
    witnesses, quorum = document.get("witnesses", []), document.get("quorum", 0)
    guard = document.get("guard", [])
    guards = guard if isinstance(guard, list) else [guard]
    if not isinstance(origin, str) or not isinstance(keys, list) or not keys:
        raise BadTrust("origin and at least one key are needed")
    if not isinstance(witnesses, list) or not isinstance(quorum, int) or not 0 <= quorum <= len(witnesses):
        raise BadTrust("the quorum must be a number of the witnesses")
    try:
        return Trust(
            origin,
            tuple(verifier(str(key)) for key in keys),
            tuple(verifier(str(key)) for key in witnesses),
            quorum,
            tuple(map(str, guards)),
        )
    except BadNote as error:
        raise BadTrust(str(error)) from error
