"""Bearer tokens: who asks, for which tenant, with which scopes (RFC 7519, RFC 6750, RFC 8725).

One mode per process, each with its algorithms pinned: a local HS256 key for one machine, or an OIDC
issuer with the public keys of its JWKS. The secret is never tried on a token that names a
public-key algorithm, nor a public key on one that names HS256.

Errors: :class:`TokenRefused` (the token does not say who asks: 401) and
:class:`~projections.jwks.KeysUnavailable` (no token can be judged now: 503).
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol
from urllib.parse import urlsplit

import jwt
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from projections.jwks import ALGORITHMS, KeySet

LOCAL_ISSUER: Final = "aumos-local"
LOCAL_AUDIENCE: Final = "aumos-governance"

Scope = Literal["governance:read", "audit:read", "audit:all", "evidence:read", "personal:read"]

MIN_KEY_BYTES: Final = 32
"""RFC 7518 section 3.2: an HS256 key is at least as long as the hash."""

MAX_TOKEN_CHARS: Final = 8192
"""Longer tokens are refused unread; real ones stay below 2 KiB."""

MAX_CLAIM_CHARS: Final = 200
"""Bound of tenant and subject; commands have the same."""

OIDC_LEEWAY_S: Final = 10
"""Clock difference that is forgiven an issuer on another machine; a local token has none."""

Refusal = Literal[
    "missing",
    "malformed",
    "wrong_algorithm",
    "bad_signature",
    "unknown_key",
    "expired",
    "not_yet_valid",
    "wrong_issuer",
    "wrong_audience",
    "missing_claim",
    "bad_claim",
]


class TokenRefused(Exception):
    """The caller is not known; ``reason`` is a stable code and never holds a piece of the token."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason: Refusal = reason


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a verified token names."""

    tenant: str
    subject: str
    scopes: frozenset[str]


class Verifier(Protocol):
    """Turns a token into its caller."""

    async def verify(self, token: str) -> Caller:
        """The caller; raises :class:`TokenRefused` or :class:`~projections.jwks.KeysUnavailable`."""


class TokenSettings(BaseSettings):
    """How tokens are verified: the local key, or all three OIDC settings."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    # Secret, at least 32 bytes; for one machine. Whoever holds it can be any tenant.
    token_key: SecretStr | None = Field(default=None, alias="AUMOS_GOVERNANCE_TOKEN_KEY")
    # Exact `iss` of the tokens.
    oidc_issuer: str | None = Field(default=None, alias="AUMOS_GOVERNANCE_OIDC_ISSUER")
    # What `aud` is or contains.
    oidc_audience: str | None = Field(default=None, alias="AUMOS_GOVERNANCE_OIDC_AUDIENCE")
    # The issuer's key set: https, or http on the loopback interface.
    oidc_jwks_url: str | None = Field(default=None, alias="AUMOS_GOVERNANCE_OIDC_JWKS_URL")

    @model_validator(mode="after")
    def _exactly_one_mode(self) -> "TokenSettings":
        oidc = (self.oidc_issuer, self.oidc_audience, self.oidc_jwks_url)
        if self.token_key is not None and any(oidc):
            raise ValueError("set AUMOS_GOVERNANCE_TOKEN_KEY or AUMOS_GOVERNANCE_OIDC_*, not both")
        if self.token_key is None and not all(oidc):
            raise ValueError("set AUMOS_GOVERNANCE_TOKEN_KEY, or all of AUMOS_GOVERNANCE_OIDC_*")
        if self.token_key is not None:
            _check_key(self.token_key.get_secret_value())
        if self.oidc_jwks_url is not None:
            _check_url(self.oidc_jwks_url)
        return self


def verifier(settings: TokenSettings) -> Verifier:
    """The verifier of the configured mode."""
    if settings.token_key is not None:
        return LocalVerifier(settings.token_key.get_secret_value())
    issuer, audience, url = settings.oidc_issuer, settings.oidc_audience, settings.oidc_jwks_url
    assert issuer is not None
    assert audience is not None
    assert url is not None
    return OidcVerifier(issuer, audience, KeySet(url))


def mint(key: str, tenant: str, subject: str, scopes: Iterable[str], lifetime_s: int) -> str:
    """A local token, valid from now for ``lifetime_s`` seconds.

    Raises ValueError for a key under 32 bytes, a lifetime below 1 s, or a tenant, subject or scope
    that no command could name.
    """
    _check_key(key)
    wanted = sorted(set(scopes))
    if lifetime_s < 1 or not _is_tenant(tenant) or not _is_name(subject):
        raise ValueError("a token needs a positive lifetime and a printable tenant and subject")
    if any(len(scope.split()) != 1 for scope in wanted):
        raise ValueError("a scope is a word without spaces")
    now = int(time.time())
    claims = {
        "iss": LOCAL_ISSUER,
        "aud": LOCAL_AUDIENCE,
        "sub": subject,
        "tenant": tenant,
        "scope": " ".join(wanted),
        "iat": now,
        "exp": now + lifetime_s,
    }
    return jwt.encode(claims, key, algorithm="HS256")


def bearer_token(authorization: str | None) -> str:
    """The token of an ``Authorization`` header; raises :class:`TokenRefused` (``missing``)."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenRefused("missing")
    return token.strip()


@dataclass(frozen=True, slots=True)
class LocalVerifier:
    """Tokens of :func:`mint` under one key."""

    key: str = field(repr=False)

    async def verify(self, token: str) -> Caller:
        """See :class:`Verifier`."""
        _header(token)
        return _caller(token, self.key, "HS256", LOCAL_ISSUER, LOCAL_AUDIENCE, leeway_s=0)


@dataclass(frozen=True, slots=True)
class OidcVerifier:
    """Tokens of one issuer for one audience."""

    issuer: str
    audience: str
    keys: KeySet

    async def verify(self, token: str) -> Caller:
        """See :class:`Verifier`."""
        header = _header(token)
        if str(header.get("alg")) not in ALGORITHMS:
            raise TokenRefused("wrong_algorithm")
        key = await self.keys.get(header.get("kid"))
        if key is None:
            raise TokenRefused("unknown_key")
        return _caller(token, key, key.algorithm_name, self.issuer, self.audience, OIDC_LEEWAY_S)


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > MAX_TOKEN_CHARS:
        raise TokenRefused("malformed")
    try:
        return jwt.get_unverified_header(token)
    except _UNREADABLE:
        raise TokenRefused("malformed") from None


def _caller(
    token: str, key: str | jwt.PyJWK, algorithm: str, issuer: str, audience: str, leeway_s: int
) -> Caller:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=audience,
            leeway=leeway_s,
            options={"require": list(_REQUIRED), "enforce_minimum_key_length": True},
        )
    except _UNREADABLE as error:
        raise TokenRefused(_refusal(error)) from None
    tenant, subject, scope = claims["tenant"], claims["sub"], claims.get("scope", "")
    if not (_is_tenant(tenant) and _is_name(subject) and isinstance(scope, str)):
        raise TokenRefused("bad_claim")
    return Caller(tenant, subject, frozenset(scope.split()))


def _refusal(error: Exception) -> Refusal:
    return next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), "malformed")


def _is_name(claim: object) -> bool:
    return isinstance(claim, str) and 0 < len(claim) <= MAX_CLAIM_CHARS and claim.isprintable()


def _is_tenant(claim: object) -> bool:
    return _is_name(claim) and "/" not in str(claim)


def _check_key(key: str) -> None:
    if len(key.encode()) < MIN_KEY_BYTES:
        raise ValueError(f"AUMOS_GOVERNANCE_TOKEN_KEY is shorter than {MIN_KEY_BYTES} bytes")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise ValueError("AUMOS_GOVERNANCE_OIDC_JWKS_URL is neither https nor on the loopback interface")


_REQUIRED: Final = ("exp", "aud", "iss", "sub", "tenant")

_UNREADABLE: Final = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)
"""What PyJWT raises on a token from outside; the last four by way of its JSON and number parsing."""

_REASONS: Final[dict[type[Exception], Refusal]] = {
    jwt.ExpiredSignatureError: "expired",
    jwt.ImmatureSignatureError: "not_yet_valid",
    jwt.InvalidIssuerError: "wrong_issuer",
    jwt.InvalidAudienceError: "wrong_audience",
    jwt.MissingRequiredClaimError: "missing_claim",
    jwt.exceptions.InvalidSubjectError: "bad_claim",
    jwt.InvalidIssuedAtError: "bad_claim",
    jwt.InvalidAlgorithmError: "wrong_algorithm",
    jwt.InvalidSignatureError: "bad_signature",
}
