"""Tokens of an OIDC issuer: its key set is fetched, kept and rotated; other keys are refused."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from projections.jwks import LIFETIME_S, MAX_BYTES, RETRY_S, STALE_S, KeySet, KeysUnavailable, usable_keys
from projections.tokens import OidcVerifier, Refusal, TokenRefused

ISSUER, AUDIENCE = "https://issuer.example", "governance"
FIRST, SECOND = (rsa.generate_private_key(65537, 2048) for _ in range(2))
CURVE = ec.generate_private_key(ec.SECP256R1())


def public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, key_id: str) -> dict[str, object]:
    """The public half as a JSON Web Key."""
    if isinstance(key, rsa.RSAPrivateKey):
        text = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())
    else:
        text = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())
    return {**json.loads(text), "kid": key_id, "use": "sig"}


def signed(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = FIRST,
    key_id: str | None = "first",
    algorithm: str = "RS256",
    **changed: object,
) -> str:
    """A token of the issuer."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ann",
        "tenant": "acme",
        "scope": "governance:read",
        "exp": int(time.time()) + 3600,
        **changed,
    }
    headers = {"kid": key_id} if key_id else {}
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


@dataclass
class Issuer:
    """The issuer's end of the key set's URL, with a clock that tests move."""

    keys: list[dict[str, object]] = field(default_factory=lambda: [public(FIRST, "first")])
    status: int = 200
    body: bytes | None = None
    fetches: int = 0
    now: float = 1000.0

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """The key set."""
        self.fetches += 1
        await asyncio.sleep(0)
        if self.status == 0:
            raise httpx.ConnectError("refused", request=request)
        body = self.body if self.body is not None else json.dumps({"keys": self.keys}).encode()
        return httpx.Response(self.status, content=body)

    def verifier(self) -> OidcVerifier:
        """A verifier that asks it."""
        keys = KeySet(f"{ISSUER}/keys", httpx.MockTransport(self.answer), lambda: self.now)
        return OidcVerifier(ISSUER, AUDIENCE, keys)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


async def refusal(verifier: OidcVerifier, token: str) -> Refusal:
    """Why a token is refused."""
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(token)
    return refused.value.reason


async def test_a_token_of_the_issuer_names_its_caller(issuer: Issuer) -> None:
    caller = await issuer.verifier().verify(signed())
    assert (caller.tenant, caller.subject) == ("acme", "ann")
    assert caller.scopes == {"governance:read"}


async def test_an_elliptic_curve_key_is_accepted(issuer: Issuer) -> None:
    issuer.keys.append(public(CURVE, "curve"))
    assert (await issuer.verifier().verify(signed(CURVE, "curve", "ES256"))).tenant == "acme"


async def test_without_a_key_id_only_a_single_key_is_tried(issuer: Issuer) -> None:
    assert (await issuer.verifier().verify(signed(key_id=None))).tenant == "acme"
    issuer.keys.append(public(SECOND, "second"))
    assert await refusal(issuer.verifier(), signed(key_id=None)) == "unknown_key"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://other.example"}, "wrong_issuer"),
        ({"aud": "other"}, "wrong_audience"),
        ({"exp": int(time.time()) - 60}, "expired"),
        ({"nbf": int(time.time()) + 3000}, "not_yet_valid"),
        ({"tenant": "a/b"}, "bad_claim"),
    ],
)
async def test_wrong_claims_are_refused(issuer: Issuer, changed: dict[str, object], reason: Refusal) -> None:
    assert await refusal(issuer.verifier(), signed(**changed)) == reason  # type: ignore[arg-type]


async def test_a_small_clock_difference_is_forgiven(issuer: Issuer) -> None:
    assert (await issuer.verifier().verify(signed(exp=int(time.time()) - 2))).tenant == "acme"


async def test_another_private_key_under_a_known_id_is_refused(issuer: Issuer) -> None:
    assert await refusal(issuer.verifier(), signed(SECOND, "first")) == "bad_signature"


async def test_the_public_key_as_an_hmac_secret_is_refused(issuer: Issuer) -> None:
    secrets = [
        FIRST.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        FIRST.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(public(FIRST, "first")).encode(),
    ]
    claims = signed().split(".")[1]
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"first"}').decode().rstrip("=")
    for secret in secrets:
        code = hmac.new(secret, f"{header}.{claims}".encode(), hashlib.sha256).digest()
        token = f"{header}.{claims}.{base64.urlsafe_b64encode(code).decode().rstrip('=')}"
        assert await refusal(issuer.verifier(), token) == "wrong_algorithm"


async def test_a_symmetric_key_in_the_key_set_is_never_used(issuer: Issuer) -> None:
    secret = "s" * 64
    issuer.keys.append(
        {"kty": "oct", "kid": "oct", "k": base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")}
    )
    claims = jwt.decode(signed(), options={"verify_signature": False})
    token = jwt.encode(claims, secret, algorithm="HS256", headers={"kid": "oct"})
    assert await refusal(issuer.verifier(), token) == "wrong_algorithm"


@pytest.mark.parametrize("algorithm", ["none", "NONE", "HS256", ""])
async def test_an_unsigned_token_is_refused_before_any_key_is_fetched(issuer: Issuer, algorithm: str) -> None:
    header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm}).encode()).decode().rstrip("=")
    token = f"{header}.{signed().split('.')[1]}."
    assert await refusal(issuer.verifier(), token) == "wrong_algorithm"
    assert issuer.fetches == 0


async def test_the_algorithm_is_the_keys_not_the_tokens(issuer: Issuer) -> None:
    issuer.keys[0]["alg"] = "RS256"
    assert await refusal(issuer.verifier(), signed(algorithm="PS256")) == "wrong_algorithm"


async def test_keys_are_fetched_once_for_many_callers(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    await asyncio.gather(*(verifier.verify(signed()) for _ in range(20)))
    assert issuer.fetches == 1


async def test_a_rotated_key_is_accepted_without_a_restart(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    await verifier.verify(signed())
    issuer.keys = [public(SECOND, "second")]
    issuer.now += RETRY_S + 1
    assert (await verifier.verify(signed(SECOND, "second"))).tenant == "acme"
    assert issuer.fetches == 2


async def test_a_withdrawn_key_is_refused_after_its_lifetime(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    await verifier.verify(signed())
    issuer.keys = [public(SECOND, "second")]
    issuer.now += LIFETIME_S + 1
    assert await refusal(verifier, signed()) == "unknown_key"


async def test_invented_key_ids_do_not_flood_the_issuer(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    await verifier.verify(signed())
    for number in range(50):
        assert await refusal(verifier, signed(key_id=f"invented-{number}")) == "unknown_key"
    assert issuer.fetches == 1
    issuer.now += RETRY_S + 1
    for number in range(50):
        assert await refusal(verifier, signed(key_id=f"invented-{number}")) == "unknown_key"
    assert issuer.fetches == 2


async def test_known_keys_outlive_an_outage_of_the_issuer_but_not_for_ever(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    await verifier.verify(signed())
    issuer.status = 0
    issuer.now += LIFETIME_S + 1
    assert (await verifier.verify(signed())).tenant == "acme"
    issuer.now += STALE_S
    with pytest.raises(KeysUnavailable):
        await verifier.verify(signed())
    issuer.status = 200
    issuer.now += RETRY_S + 1
    assert (await verifier.verify(signed())).tenant == "acme"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (0, None),
        (500, None),
        (302, None),
        (200, b""),
        (200, b"[]"),
        (200, b'{"keys": {}}'),
        (200, b'{"keys": []}'),
        (200, b'{"keys": [1, "a", {}, {"kty": "RSA"}, {"kty": "RSA", "n": 5, "e": 7}, {"kty": "new"}]}'),
        (200, b" " * (MAX_BYTES + 1)),
    ],
)
async def test_without_a_usable_key_set_no_token_is_judged(
    issuer: Issuer, status: int, body: bytes | None
) -> None:
    issuer.status, issuer.body = status, body
    with pytest.raises(KeysUnavailable):
        await issuer.verifier().verify(signed())


def test_symmetric_keys_are_ignored() -> None:
    oct_key = {"kty": "oct", "kid": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}
    keys = [oct_key, public(SECOND, "sig")]
    assert set(usable_keys(json.dumps({"keys": keys}).encode())) == {"sig"}


def test_keys_for_encryption_are_ignored() -> None:
    keys = [{**public(FIRST, "enc"), "use": "enc"}, public(SECOND, "sig")]
    assert set(usable_keys(json.dumps({"keys": keys}).encode())) == {"sig"}
