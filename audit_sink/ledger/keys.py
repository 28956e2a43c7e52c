"""Keys that sign and verify notes: Ed25519 (RFC 8032), and ML-DSA-44 (FIPS 204) beside it.

The log signs with Ed25519 (type 01) and optionally ML-DSA-44 (type 06, C2SP tlog-cosignature's message);
witnesses answer with timestamped cosignatures (types 04 and 06).
"""

from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from audit_sink.ledger.checkpoint import Checkpoint, read_checkpoint
from audit_sink.ledger.note import BadNote, Note, Signature, key_id, read_vkey, vkey

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
ML_DSA_44: Final = 0x06

_FIELD: Final = 2**255 - 19
_ED25519_BYTES: Final = 32
_TIME_BYTES: Final = 8
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)
"""The canonical encodings of the points whose order divides 8: anybody can sign for them."""


class Signer(Protocol):
    """A private key of the log or of a witness."""

    @property
    def vkey(self) -> str:
        """The public key, as verifiers are given it."""

    def sign(self, text: str, time_s: int) -> Signature:
        """Signs a note's text; ``time_s`` (POSIX seconds) counts only where the type has a time."""


class Verifier(Protocol):
    """A public key."""

    @property
    def vkey(self) -> str:
        """As text."""

    def verify(self, note: Note) -> int | None:
        """Raises :class:`BadNote` unless the note has signatures of this key and all of them verify.

        The time that the last of them states, POSIX seconds; None where the type has none.
        """


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """``kind`` is :data:`ED25519` for the log, :data:`COSIGNATURE` for a witness."""

    name: str
    private: Ed25519PrivateKey
    kind: int = ED25519

    @property
    def vkey(self) -> str:
        return vkey(self.name, self.kind, self.private.public_key().public_bytes_raw())

    def sign(self, text: str, time_s: int) -> Signature:
        public = self.private.public_key().public_bytes_raw()
        if self.kind == ED25519:
            data = self.private.sign(text.encode())
        else:
            data = time_s.to_bytes(_TIME_BYTES, "big") + self.private.sign(_cosigned(text, time_s))
        return Signature(self.name, key_id(self.name, self.kind, public), data)


@dataclass(frozen=True, slots=True)
class MlDsaSigner:
    """Signs checkpoints only: the message names the log's origin, size and root."""

    name: str
    private: MLDSA44PrivateKey

    @property
    def vkey(self) -> str:
        return vkey(self.name, ML_DSA_44, self.private.public_key().public_bytes_raw())

    def sign(self, text: str, time_s: int) -> Signature:
        public = self.private.public_key().public_bytes_raw()
        message = _subtree_message(self.name, time_s, read_checkpoint(text))
        data = time_s.to_bytes(_TIME_BYTES, "big") + self.private.sign(message)
        return Signature(self.name, key_id(self.name, ML_DSA_44, public), data)


@dataclass(frozen=True, slots=True)
class Ed25519Verifier:
    """See :class:`Ed25519Signer`."""

    name: str
    public: bytes
    kind: int = ED25519

    @property
    def vkey(self) -> str:
        return vkey(self.name, self.kind, self.public)

    def verify(self, note: Note) -> int | None:
        key = Ed25519PublicKey.from_public_bytes(self.public)
        time_s: int | None = None
        for signature in _signatures(note, self.name, self.kind, self.public):
            data, message = signature.data, note.text.encode()
            if self.kind == COSIGNATURE:
                time_s, data = _timed(signature)
                message = _cosigned(note.text, time_s)
            try:
                key.verify(data, message)
            except InvalidSignature:
                raise BadNote(f"{self.name}: the signature does not verify") from None
        return time_s


@dataclass(frozen=True, slots=True)
class MlDsaVerifier:
    """See :class:`MlDsaSigner`."""

    name: str
    public: bytes

    @property
    def vkey(self) -> str:
        return vkey(self.name, ML_DSA_44, self.public)

    def verify(self, note: Note) -> int | None:
        key = MLDSA44PublicKey.from_public_bytes(self.public)
        checkpoint = read_checkpoint(note.text)
        time_s: int | None = None
        for signature in _signatures(note, self.name, ML_DSA_44, self.public):
            time_s, data = _timed(signature)
            try:
                key.verify(data, _subtree_message(self.name, time_s, checkpoint))
            except InvalidSignature:
                raise BadNote(f"{self.name}: the signature does not verify") from None
        return time_s


def verifier(text: str) -> Verifier:
    """The verifier of a vkey. Raises :class:`BadNote` for a key of no use, small-order ones among them."""
    name, kind, public = read_vkey(text)
    if kind in (ED25519, COSIGNATURE):
        _check_point(name, public)
        return Ed25519Verifier(name, public, kind)
    if kind == ML_DSA_44:
        try:
            MLDSA44PublicKey.from_public_bytes(public)
        except ValueError as error:
            raise BadNote(f"{name}: {error}") from None
        return MlDsaVerifier(name, public)
    raise BadNote(f"{name}: keys of type {kind:02x} are not known here")


def new_secret() -> str:
    """A new Ed25519 private key as hex of its 32 bytes."""
    return Ed25519PrivateKey.generate().private_bytes_raw().hex()


def signer(name: str, secret: str, kind: int = ED25519) -> Signer:
    """The signer of a secret: hex of 32 bytes (the seed of both algorithms); raises :class:`BadNote`."""
    try:
        seed = bytes.fromhex(secret)
    except ValueError:
        seed = b""
    if len(seed) != _ED25519_BYTES:
        raise BadNote("a signing key is hex of 32 bytes")
    if kind == ML_DSA_44:
        return MlDsaSigner(name, MLDSA44PrivateKey.from_seed_bytes(seed))
    return Ed25519Signer(name, Ed25519PrivateKey.from_private_bytes(seed), kind)


def _signatures(note: Note, name: str, kind: int, public: bytes) -> list[Signature]:
    found = list(note.of(name, key_id(name, kind, public)))
    if not found:
        raise BadNote(f"{name}: the note has no signature of this key")
    return found


def _timed(signature: Signature) -> tuple[int, bytes]:
    time_s = int.from_bytes(signature.data[:_TIME_BYTES], "big")
    if len(signature.data) <= _TIME_BYTES or time_s >= 2**63:
        raise BadNote(f"{signature.name}: the signature has no time")
    return time_s, signature.data[_TIME_BYTES:]


def _cosigned(text: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def _subtree_message(name: str, time_s: int, checkpoint: Checkpoint) -> bytes:
    cosigner, origin = name.encode(), checkpoint.origin.encode()
    if len(cosigner) > 255 or len(origin) > 255:
        raise BadNote("a key name or origin has more than 255 bytes")
    return b"".join(
        (
            b"subtree/v1\n\x00",
            bytes((len(cosigner),)),
            cosigner,
            time_s.to_bytes(8, "big"),
            bytes((len(origin),)),
            origin,
            bytes(8),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _check_point(name: str, public: bytes) -> None:
    if len(public) != _ED25519_BYTES:
        raise BadNote(f"{name}: an Ed25519 key has {_ED25519_BYTES} bytes")
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _FIELD or public in _SMALL_ORDER:
        raise BadNote(f"{name}: a key of small order or not in canonical form")
