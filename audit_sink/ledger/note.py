"""Signed notes (C2SP signed-note): a text and lines that sign it.

Keys are written as C2SP vkeys, ``name+keyid+base64(type || public key)``. Types here: Ed25519
(``01``), Ed25519 witness cosignatures (``04``) and ML-DSA-44 (``06``), both with a time.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

MAX_NOTE_BYTES: Final = 262_144
"""Bound of a note: a checkpoint with dozens of the largest signatures."""

MAX_SIGNATURES: Final = 64

_DASH: Final = "\u2014"
_KEY_ID_BYTES: Final = 4


class BadNote(Exception):
    """A note, key or signature is malformed or does not verify; the text says why."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line; ``data`` is what follows the four bytes of the key id."""

    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        """The line, with its newline."""
        return f"{_DASH} {self.name} {_b64(self.key_id + self.data)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and its signatures in order."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The note as it is stored and sent."""
        return (self.text + "\n" + "".join(each.line() for each in self.signatures)).encode()

    def of(self, name: str, key_id: bytes) -> Sequence[Signature]:
        """The signatures that name a key."""
        return [each for each in self.signatures if (each.name, each.key_id) == (name, key_id)]

    def plus(self, signatures: Iterable[Signature]) -> "Note":
        """The note with further signatures."""
        return Note(self.text, (*self.signatures, *signatures))


def read_note(data: bytes) -> Note:
    """Raises :class:`BadNote`; nothing is verified."""
    if len(data) > MAX_NOTE_BYTES:
        raise BadNote(f"the note has {len(data)} bytes, at most {MAX_NOTE_BYTES} are read")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise BadNote("the note is no UTF-8") from None
    if any(character < " " and character != "\n" for character in whole):
        raise BadNote("the note has control characters")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not text or not lines.endswith("\n"):
        raise BadNote("the note has no signature lines after a blank line")
    return Note(text + "\n", read_signatures(lines))


def read_signatures(lines: str) -> tuple[Signature, ...]:
    """Signature lines as they stand in a note, or in a witness's answer; raises :class:`BadNote`."""
    found = tuple(_signature(line) for line in lines.removesuffix("\n").split("\n"))
    if len(found) > MAX_SIGNATURES:
        raise BadNote(f"the note has {len(found)} signatures, at most {MAX_SIGNATURES} are read")
    return found


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The four bytes by which signature lines name a key."""
    return sha256(name.encode() + b"\n" + bytes((kind,)) + public).digest()[:_KEY_ID_BYTES]


def vkey(name: str, kind: int, public: bytes) -> str:
    """A public key as text."""
    return f"{name}+{key_id(name, kind, public).hex()}+{_b64(bytes((kind,)) + public)}"


def read_vkey(text: str) -> tuple[str, int, bytes]:
    """Name, type and public key; raises :class:`BadNote`."""
    name, _, rest = text.strip().partition("+")
    hexadecimal, _, encoded = rest.partition("+")
    _check_name(name)
    data = _unb64(encoded)
    if len(data) < 2 or key_id(name, data[0], data[1:]).hex() != hexadecimal:
        raise BadNote(f"{name}: the key does not fit its id")
    return name, data[0], data[1:]


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != _DASH:
        raise BadNote("a signature line does not begin with a dash")
    _check_name(name)
    data = _unb64(encoded)
    if len(data) <= _KEY_ID_BYTES:
        raise BadNote(f"{name}: the signature is too short")
    return Signature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _check_name(name: str) -> None:
    if not name or "+" in name or re.search(r"\s", name):
        raise BadNote(f"{name[:100]!r} is no key name")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("a signature or key is no base64") from None
    if _b64(data) != text:
        raise BadNote("a signature or key is not in the one form of its base64")
    return data
