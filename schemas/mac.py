"""The engine's message authentication code on commands that only the engine may make.

HMAC-SHA-256 (RFC 2104) over id, type, tenant, subject and the SHA-256 of the body, each
length-prefixed so that no two tuples share an encoding. Carried in ``ce_enginemac`` as hex.
"""

import hmac
from hashlib import sha256

from schemas.envelope import Envelope


def engine_mac(key: bytes, envelope: Envelope, body: bytes) -> str:
    """Hex HMAC (64 characters) of a command; ``key`` is at least 32 bytes."""
    code = hmac.new(key, digestmod=sha256)
    for part in (envelope.id, envelope.type, envelope.tenant, envelope.subject):
        data = part.encode()
        code.update(len(data).to_bytes(4, "big") + data)
    code.update(sha256(body).digest())
    return code.hexdigest()


def engine_made(key: bytes, envelope: Envelope, body: bytes) -> bool:
    """Whether ``envelope.mac`` was made with ``key`` over this command (constant-time)."""
    return hmac.compare_digest(engine_mac(key, envelope, body).encode(), envelope.mac.encode())
