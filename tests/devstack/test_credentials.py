"""Secrets are made once, kept private, and never shown."""

from __future__ import annotations

import json
import stat
from dataclasses import fields
from pathlib import Path
from urllib.parse import quote

from devstack.credentials import Credentials, load_or_create


def values(credentials: Credentials) -> dict[str, str]:
    return {each.name: getattr(credentials, each.name) for each in fields(Credentials)}


def test_secrets_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = load_or_create(path)
    assert values(load_or_create(path)) == values(first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_two_secrets_are_alike(tmp_path: Path) -> None:
    a, b = values(load_or_create(tmp_path / "a")), values(load_or_create(tmp_path / "b"))
    assert len({*a.values(), *b.values()}) == 2 * len(a)


def test_a_secret_that_an_older_file_lacks_is_added_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps({"engine_key": "ab" * 32, "gone": "x"}))
    made = load_or_create(path)
    assert made.engine_key == "ab" * 32
    assert values(load_or_create(path)) == values(made)


def test_the_keys_are_32_bytes_in_hex_and_passwords_need_no_quoting_in_a_url() -> None:
    made = Credentials()
    assert len(bytes.fromhex(made.engine_key)) == 32
    assert len(bytes.fromhex(made.token_key)) == 32
    assert all(quote(value, safe="") == value for value in values(made).values())


def test_the_text_of_credentials_shows_none_of_them() -> None:
    made = Credentials()
    assert not any(value in f"{made!r} {made}" for value in values(made).values())
