"""The public keys of an OIDC issuer (JSON Web Key Set, RFC 7517): fetched when needed, kept, rotated."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

import httpx
import jwt
import orjson

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"}
)
"""Public-key signatures of RFC 7518 and RFC 8037; never a symmetric one, never ``none``."""

LIFETIME_S: Final = 300.0
"""How long fetched keys are used without asking again: a withdrawn key is refused after this time."""

STALE_S: Final = 3600.0
"""How long fetched keys are used while the issuer does not answer."""

RETRY_S: Final = 10.0
"""Least time between two fetches: tokens with invented key ids cannot make us flood the issuer."""

FETCH_TIMEOUT_S: Final = 5.0
"""Bound of one fetch; callers with an unknown key wait for it."""

MAX_BYTES: Final = 262_144
"""Bound of a key set; real ones stay below 20 KiB."""


class KeysUnavailable(Exception):
    """The issuer's key set could not be fetched, now or since ``STALE_S``: no token can be judged."""


class KeySet:
    """The usable keys of one JWKS URL, one fetch at a time.

    A key id that is not known causes a fetch, at most every ``RETRY_S``. ``clock`` is monotonic, in
    seconds. Safe for many concurrent callers of one event loop.
    """

    def __init__(
        self,
        url: str,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._transport = transport
        self._clock = clock
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._turn = asyncio.Lock()

    async def get(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key of a ``kid`` (without one, the only key there is), or None; raises KeysUnavailable."""
        if self._outdated(key_id):
            async with self._turn:
                if self._outdated(key_id) and self._may_try():
                    await self._refresh()
        if self._older_than(self._fetched, STALE_S):
            raise KeysUnavailable("the issuer's key set cannot be fetched")
        return self._find(key_id)

    def _outdated(self, key_id: str | None) -> bool:
        return self._older_than(self._fetched, LIFETIME_S) or self._find(key_id) is None

    def _may_try(self) -> bool:
        return self._older_than(self._tried, RETRY_S)

    def _older_than(self, moment: float | None, seconds: float) -> bool:
        return moment is None or self._clock() - moment > seconds

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    async def _refresh(self) -> None:
        self._tried = self._clock()
        try:
            self._keys = usable_keys(await self._fetch())
        except (httpx.HTTPError, TimeoutError, ValueError):
            return  # the keys at hand serve until STALE_S, then get() raises
        self._fetched = self._clock()

    async def _fetch(self) -> bytes:
        found = bytearray()
        async with (
            asyncio.timeout(FETCH_TIMEOUT_S),
            httpx.AsyncClient(transport=self._transport, timeout=FETCH_TIMEOUT_S) as client,
            client.stream("GET", self._url) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"the key set's status is {response.status_code}")
            async for piece in response.aiter_bytes():
                found += piece
                if len(found) > MAX_BYTES:
                    raise ValueError(f"the key set is longer than {MAX_BYTES} bytes")
        return bytes(found)


def usable_keys(document: bytes) -> dict[str | None, jwt.PyJWK]:
    """Signature keys of the pinned algorithms by key id; raises ValueError when there is none."""
    parsed = orjson.loads(document)
    if not isinstance(parsed, dict) or not isinstance(parsed.get("keys"), list):
        raise ValueError("no JSON Web Key Set")
    found: dict[str | None, jwt.PyJWK] = {}
    for raw in parsed["keys"]:
        key = _key(raw)
        if key and key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig"):
            found[key.key_id] = key
    if not found:
        raise ValueError("the key set has no usable key")
    return found


def _key(raw: object) -> jwt.PyJWK | None:
    """The key, or None for one that we do not understand: RFC 7517 section 5 has such ignored."""
    if not isinstance(raw, dict):
        return None
    try:
        return jwt.PyJWK(raw)
    except (jwt.PyJWTError, TypeError, ValueError):
        return None
