"""Personal values of stored inputs, encrypted under a key per subject.

A sealed value stands in the document as ``{"$personal":{…}}`` with the subject's pseudonym, the key's
commitment, nonce and ciphertext (AES-256-GCM). Whoever destroys the key destroys the value, wherever copies
of the document are; the document's bytes never change.
"""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
MARK: Final = "$personal"

_NONCE_BYTES: Final = 12
_SEALED: Final = re.compile(rb'\{"\$personal":(\{[^{}]*\})\}')


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A subject's key in one tenant; ``key`` is None once it is destroyed."""

    tenant: str
    subject: bytes
    """:func:`subject_digest`; stays in the key table."""
    pseudonym: str
    """Random; what events have."""
    commitment: bytes
    key: bytes | None


def subject_digest(tenant: str, subject: str) -> bytes:
    """By what a subject's row is found."""
    return sha256(f"subject\0{tenant}\0{subject}".encode()).digest()


def commitment_of(key: bytes) -> bytes:
    """SHA-256 that names a key of full entropy and tells nothing of it."""
    return sha256(b"subject key\0" + key).digest()


def seal(subject: SubjectKey, context: str, place: int, value: bytes) -> bytes:
    """The sealed form of a JSON value.

    ``context`` is the id of the event that keeps it, ``place`` its number in there: together they are used
    for one value only, so that the nonce may follow from them.
    """
    assert subject.key is not None
    nonce = _derived(subject.key, b"nonce", f"{context}\0{place}".encode())[:_NONCE_BYTES]
    sealed = {
        "subject": subject.pseudonym,
        "commitment": subject.commitment.hex(),
        "nonce": b64encode(nonce).decode(),
        "data": b64encode(
            _cipher(subject.key).encrypt(nonce, value, _bound(context, subject.pseudonym))
        ).decode(),
    }
    return orjson.dumps({MARK: sealed})


def keyed_digest(key: bytes, document: bytes) -> str:
    """A digest (hex) of a document that only the key's holders can compare with."""
    return _derived(key, b"digest", document).hex()


def pseudonyms(document: bytes) -> set[str]:
    """The subjects whose values a document has sealed."""
    return {str(orjson.loads(match[1]).get("subject")) for match in _SEALED.finditer(document)}


def opened(document: bytes, context: str, keys: Mapping[str, bytes]) -> bytes:
    """The document with its sealed values opened; those without a key here show the pseudonym alone."""

    def replaced(match: "re.Match[bytes]") -> bytes:
        sealed = orjson.loads(match[1])
        key = keys.get(str(sealed.get("subject")))
        value = _open(sealed, context, key) if key else None
        return value if value is not None else orjson.dumps({MARK: sealed.get("subject")})

    return _SEALED.sub(replaced, document)


def _open(sealed: Mapping[str, object], context: str, key: bytes) -> bytes | None:
    if sealed.get("commitment") != commitment_of(key).hex():
        return None
    try:
        nonce, data = b64decode(str(sealed["nonce"])), b64decode(str(sealed["data"]))
        return _cipher(key).decrypt(nonce, data, _bound(context, str(sealed["subject"])))
    except (InvalidTag, KeyError, ValueError):
        return None


def _bound(context: str, pseudonym: str) -> bytes:
    return f"{context}\0{pseudonym}".encode()


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(_derived(key, b"encryption", b""))


def _derived(key: bytes, purpose: bytes, data: bytes) -> bytes:
    return hmac.digest(key, purpose + b"\0" + data, "sha256")
