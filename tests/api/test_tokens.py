"""Tokens under a local key, and the settings that choose how tokens are verified."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from projections.tokens import (
    MAX_TOKEN_CHARS,
    LocalVerifier,
    OidcVerifier,
    Refusal,
    TokenRefused,
    TokenSettings,
    bearer_token,
    mint,
    verifier,
)

KEY = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4


def claims(**changed: object) -> dict[str, Any]:
    """Valid local claims; a change to None leaves one out."""
    now = int(time.time())
    found: dict[str, Any] = {
        "iss": "aumos-local",
        "aud": "aumos-governance",
        "sub": "ann",
        "tenant": "acme",
        "scope": "governance:read",
        "exp": now + 3600,
        **changed,
    }
    return {name: value for name, value in found.items() if value is not None}


def signed(key: str = KEY, algorithm: str = "HS256", **changed: object) -> str:
    """A token of these claims."""
    return jwt.encode(claims(**changed), key, algorithm=algorithm)


def unsigned(header: dict[str, object]) -> str:
    """A token of valid claims without signature."""
    parts = (json.dumps(header), json.dumps(claims()))
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts) + "."


def deep() -> str:
    """A token whose header is nested deeper than Python recurses."""
    return base64.urlsafe_b64encode(b"[" * 3000).decode().rstrip("=") + ".e30.e30"


async def refusal(token: str) -> Refusal:
    """Why a token is refused."""
    with pytest.raises(TokenRefused) as refused:
        await LocalVerifier(KEY).verify(token)
    return refused.value.reason


async def test_a_minted_token_names_its_caller() -> None:
    token = mint(KEY, "acme", "ann", ["audit:read", "governance:read"], 60)
    caller = await LocalVerifier(KEY).verify(token)
    assert (caller.tenant, caller.subject) == ("acme", "ann")
    assert caller.scopes == {"audit:read", "governance:read"}


async def test_a_token_without_scopes_has_none() -> None:
    assert (await LocalVerifier(KEY).verify(signed(scope=None))).scopes == frozenset()


async def test_one_of_several_audiences_is_enough() -> None:
    token = signed(aud=["other", "aumos-governance"])
    assert (await LocalVerifier(KEY).verify(token)).tenant == "acme"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (signed(exp=int(time.time()) - 1), "expired"),
        (signed(nbf=int(time.time()) + 3000), "not_yet_valid"),
        (signed(aud="someone-else"), "wrong_audience"),
        (signed(iss="someone-else"), "wrong_issuer"),
        (signed(key=OTHER), "bad_signature"),
        (signed(algorithm="HS512"), "wrong_algorithm"),
        (unsigned({"alg": "none", "typ": "JWT"}), "wrong_algorithm"),
        (unsigned({"alg": "None"}), "wrong_algorithm"),
        (unsigned({"alg": ["HS256"]}), "wrong_algorithm"),
        (unsigned({"typ": "JWT"}), "wrong_algorithm"),
        (unsigned({"alg": "HS256"}), "bad_signature"),
        (unsigned({"alg": "RS256"}), "wrong_algorithm"),
        (signed(exp=None), "missing_claim"),
        (signed(aud=None), "missing_claim"),
        (signed(iss=None), "missing_claim"),
        (signed(sub=None), "missing_claim"),
        (signed(tenant=None), "missing_claim"),
        (signed(tenant="a/b"), "bad_claim"),
        (signed(tenant=""), "bad_claim"),
        (signed(tenant=17), "bad_claim"),
        (signed(tenant="a\x00b"), "bad_claim"),
        (signed(tenant="t" * 201), "bad_claim"),
        (signed(sub="a\nb"), "bad_claim"),
        (signed(sub=17), "bad_claim"),
        (signed(scope=["governance:read"]), "bad_claim"),
        ("", "malformed"),
        ("a.b", "malformed"),
        ("a.b.c", "malformed"),
        ("ä.b.c", "malformed"),
        (deep(), "malformed"),
        ("x" * (MAX_TOKEN_CHARS + 1), "malformed"),
    ],
    # Tokens tell the second that they were made in, and processes that name a test otherwise run none.
    ids=lambda text: text if len(text) < 20 else "token",
)
async def test_a_bad_token_is_refused_with_its_reason(token: str, reason: Refusal) -> None:
    assert await refusal(token) == reason


async def test_a_token_over_the_bound_is_refused_unread() -> None:
    assert await refusal(signed(padding="x" * MAX_TOKEN_CHARS)) == "malformed"


async def test_a_changed_claim_breaks_the_signature() -> None:
    header, _, signature = signed().split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(tenant="other")).encode()).decode().rstrip("=")
    assert await refusal(f"{header}.{body}.{signature}") == "bad_signature"


async def test_an_infinite_expiry_is_refused() -> None:
    parts = ('{"alg": "HS256"}', json.dumps(claims()).replace(str(claims()["exp"]), "1e400"))
    head = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    algorithm = jwt.get_algorithm_by_name("HS256")
    signature = algorithm.sign(head.encode(), algorithm.prepare_key(KEY))
    token = f"{head}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    assert await refusal(token) in ("malformed", "bad_claim")


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
async def test_no_text_is_a_token_by_accident(text: str) -> None:
    assert await refusal(text) in ("malformed", "wrong_algorithm", "bad_signature")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic abc", "abc"])
def test_a_header_without_a_bearer_token_is_refused_as_missing(header: str | None) -> None:
    with pytest.raises(TokenRefused) as refused:
        bearer_token(header)
    assert refused.value.reason == "missing"


def test_the_scheme_is_read_in_any_case() -> None:
    assert bearer_token("bEaReR abc") == "abc"


@pytest.mark.parametrize(
    ("key", "tenant", "subject", "scope", "lifetime_s"),
    [
        ("short", "acme", "ann", "governance:read", 60),
        (KEY, "a/b", "ann", "governance:read", 60),
        (KEY, "", "ann", "governance:read", 60),
        (KEY, "acme", "", "governance:read", 60),
        (KEY, "acme", "ann", "two words", 60),
        (KEY, "acme", "ann", "", 60),
        (KEY, "acme", "ann", "governance:read", 0),
    ],
)
def test_no_token_is_minted_that_would_be_refused(
    key: str, tenant: str, subject: str, scope: str, lifetime_s: int
) -> None:
    with pytest.raises(ValueError):
        mint(key, tenant, subject, [scope], lifetime_s)


OIDC = {
    "AUMOS_GOVERNANCE_OIDC_ISSUER": "https://issuer.example",
    "AUMOS_GOVERNANCE_OIDC_AUDIENCE": "governance",
    "AUMOS_GOVERNANCE_OIDC_JWKS_URL": "https://issuer.example/keys",
}


def test_the_settings_choose_one_mode() -> None:
    local = TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": KEY})
    assert isinstance(verifier(local), LocalVerifier)
    assert isinstance(verifier(TokenSettings.model_validate(OIDC)), OidcVerifier)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"AUMOS_GOVERNANCE_TOKEN_KEY": "too-short-to-be-safe"},
        {"AUMOS_GOVERNANCE_TOKEN_KEY": KEY, **OIDC},
        {**OIDC, "AUMOS_GOVERNANCE_OIDC_AUDIENCE": ""},
        {**OIDC, "AUMOS_GOVERNANCE_OIDC_JWKS_URL": "http://issuer.example/keys"},
        {**OIDC, "AUMOS_GOVERNANCE_OIDC_JWKS_URL": "file:///etc/passwd"},
        {**OIDC, "AUMOS_GOVERNANCE_OIDC_JWKS_URL": "https://"},
    ],
)
def test_unsafe_token_settings_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TokenSettings.model_validate(values)


def test_a_key_set_on_the_loopback_interface_may_be_plain_http() -> None:
    TokenSettings.model_validate({**OIDC, "AUMOS_GOVERNANCE_OIDC_JWKS_URL": "http://127.0.0.1:9/keys"})


def test_no_secret_is_shown() -> None:
    settings = TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": KEY})
    assert KEY not in repr(settings) + str(settings) + repr(verifier(settings))
    with pytest.raises(ValidationError) as refused:
        TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": "short-secret"})
    assert "short-secret" not in str(refused.value)


def test_settings_come_from_their_environment_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_KEY", OTHER)
    monkeypatch.setenv("AUMOS_GOVERNANCE_TOKEN_KEY", KEY)
    found = TokenSettings().token_key
    assert found is not None
    assert found.get_secret_value() == KEY
