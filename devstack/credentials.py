"""The secrets of one stack: made once, kept in one file with mode 0600, never printed."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, fields
from pathlib import Path

from devstack.files import write_atomically


def _password() -> str:
    return secrets.token_urlsafe(24)


def _key() -> str:
    return secrets.token_hex(32)


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Passwords are URL-safe text; keys are 32 random bytes in hex."""

    postgres_password: str = field(default_factory=_password)
    audit_postgres_password: str = field(default_factory=_password)
    agents_password: str = field(default_factory=_password)
    reader_password: str = field(default_factory=_password)
    bundles_password: str = field(default_factory=_password)
    background_password: str = field(default_factory=_password)
    replay_password: str = field(default_factory=_password)
    audit_writer_password: str = field(default_factory=_password)
    audit_reader_password: str = field(default_factory=_password)
    audit_notary_password: str = field(default_factory=_password)
    s3_access_key: str = field(default_factory=lambda: secrets.token_hex(10))
    s3_secret_key: str = field(default_factory=_password)
    engine_key: str = field(default_factory=_key)
    token_key: str = field(default_factory=_key)
    notary_key: str = field(default_factory=_key)

    def __repr__(self) -> str:
        return "Credentials(…)"


def load_or_create(path: Path) -> Credentials:
    """The secrets in `path`; what it lacks is made and added."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = {}
    names = {each.name for each in fields(Credentials)}
    credentials = Credentials(**{name: str(value) for name, value in known.items() if name in names})
    content = {name: getattr(credentials, name) for name in sorted(names)}
    if content != known:
        write_atomically(path, json.dumps(content, indent=1), mode=0o600)
    return credentials
