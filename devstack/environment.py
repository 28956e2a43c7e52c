"""Which environment each process gets: what it needs and no more.

The table at the end is the one place that says who holds which credential. Only the audit sink and its
read endpoint ever get `AUMOS_GOVERNANCE_AUDIT_DB_URL`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.addresses import Addresses
from devstack.credentials import Credentials
from devstack.settings import (
    AUDIT_DATABASE,
    EVIDENCE_BUCKET,
    LOG_ORIGIN,
    POSTGRES_SUPERUSER,
    PRIMARY_DATABASE,
    WALL_BUCKET,
)


@dataclass(frozen=True, slots=True)
class Source:
    """What the values are made from. `instance` is the process, for example `worker-0`."""

    addresses: Addresses
    credentials: Credentials
    instance: str


Value = Callable[[Source], str]


def _primary(user: str, password: Callable[[Credentials], str]) -> Value:
    return lambda source: (
        f"postgresql://{user}:{password(source.credentials)}@{source.addresses.primary}/{PRIMARY_DATABASE}"
    )


def _audit(user: str, password: Callable[[Credentials], str]) -> Value:
    return lambda source: (
        f"postgresql://{user}:{password(source.credentials)}@{source.addresses.audit}/{AUDIT_DATABASE}"
    )


_KAFKA: Final[Mapping[str, Value]] = {"AUMOS_KAFKA_BOOTSTRAP_SERVERS": lambda s: s.addresses.kafka}
_OPA: Final[Mapping[str, Value]] = {"AUMOS_GOVERNANCE_OPA_URL": lambda s: ",".join(s.addresses.opa_urls)}
_OPA_PROGRAM: Final[Mapping[str, Value]] = {"AUMOS_GOVERNANCE_OPA_BINARY": lambda s: s.addresses.opa_program}
_METRICS: Final[Mapping[str, Value]] = {
    "AUMOS_GOVERNANCE_METRICS_LISTEN": lambda s: s.addresses.metrics_listen[s.instance]
}
_ENGINE_KEY: Final[Mapping[str, Value]] = {"AUMOS_GOVERNANCE_ENGINE_KEY": lambda s: s.credentials.engine_key}
_TOKEN_KEY: Final[Mapping[str, Value]] = {"AUMOS_GOVERNANCE_TOKEN_KEY": lambda s: s.credentials.token_key}
_SINK_API: Final[Mapping[str, Value]] = {"AUMOS_GOVERNANCE_SINK_API_URL": lambda s: s.addresses.sink_api_url}
_API: Final[Mapping[str, Value]] = {"AUMOS_GOVERNANCE_API_URL": lambda s: s.addresses.api_url}
_AGENTS_DATABASE: Final[Mapping[str, Value]] = {
    "AUMOS_DATABASE_URL": _primary("gov_agents", lambda c: c.agents_password)
}
_BUCKET: Final[Mapping[str, Value]] = {
    "AUMOS_GOVERNANCE_S3_URL": lambda s: s.addresses.s3_url,
    "AWS_ACCESS_KEY_ID": lambda s: s.credentials.s3_access_key,
    "AWS_SECRET_ACCESS_KEY": lambda s: s.credentials.s3_secret_key,
    "AUMOS_GOVERNANCE_EVIDENCE_ARTIFACT_BUCKET": lambda _: EVIDENCE_BUCKET,
}
_WALL_BUCKET: Final[Mapping[str, Value]] = {
    "AUMOS_GOVERNANCE_S3_URL": lambda s: s.addresses.s3_url,
    "AWS_ACCESS_KEY_ID": lambda s: s.credentials.s3_access_key,
    "AWS_SECRET_ACCESS_KEY": lambda s: s.credentials.s3_secret_key,
    "AUMOS_GOVERNANCE_WALL_BUCKET": lambda _: WALL_BUCKET,
}
_LOG: Final[Mapping[str, Value]] = {**_WALL_BUCKET, "AUMOS_GOVERNANCE_LOG_ORIGIN": lambda _: LOG_ORIGIN}

ENVIRONMENT: Final[Mapping[str, Mapping[str, Value]]] = {
    "worker": {
        **_AGENTS_DATABASE,
        **_KAFKA,
        **_OPA,
        **_OPA_PROGRAM,
        **_ENGINE_KEY,
        **_METRICS,
        "AUMOS_GOVERNANCE_WORKER_SLOT": lambda s: s.instance,
    },
    "bundles": {
        "AUMOS_DATABASE_URL": _primary("gov_bundles", lambda c: c.bundles_password),
        **_KAFKA,
        **_OPA,
        **_OPA_PROGRAM,
        **_ENGINE_KEY,
        **_METRICS,
        "AUMOS_GOVERNANCE_BUNDLE_LISTEN": lambda s: s.addresses.bundle_listen,
    },
    "background": {
        "AUMOS_DATABASE_URL": _primary("gov_background", lambda c: c.background_password),
        **_KAFKA,
        **_BUCKET,
        **_ENGINE_KEY,
        **_METRICS,
    },
    "replay": {
        "AUMOS_DATABASE_URL": _primary("gov_replay", lambda c: c.replay_password),
        **_KAFKA,
        **_OPA_PROGRAM,
        **_ENGINE_KEY,
        **_METRICS,
    },
    "sink": {
        "AUMOS_GOVERNANCE_AUDIT_DB_URL": _audit("gov_audit_writer", lambda c: c.audit_writer_password),
        **_KAFKA,
        **_WALL_BUCKET,
        **_METRICS,
    },
    "notary": {
        "AUMOS_GOVERNANCE_NOTARY_DB_URL": _audit("gov_audit_notary", lambda c: c.audit_notary_password),
        "AUMOS_GOVERNANCE_NOTARY_KEY": lambda s: s.credentials.notary_key,
        "AUMOS_GOVERNANCE_NOTARY_STATE": lambda s: s.addresses.notary_state,
        **_LOG,
        **_METRICS,
    },
    "sink-api": {
        "AUMOS_GOVERNANCE_AUDIT_DB_URL": _audit("gov_audit_reader", lambda c: c.audit_reader_password),
        **_TOKEN_KEY,
        **_METRICS,
        "AUMOS_GOVERNANCE_SINK_API_LISTEN": lambda s: s.addresses.sink_api_listen,
    },
    "api": {
        "AUMOS_DATABASE_URL": _primary("gov_reader", lambda c: c.reader_password),
        **_KAFKA,
        **_OPA,
        **_OPA_PROGRAM,
        **_SINK_API,
        **_TOKEN_KEY,
        **_METRICS,
        "AUMOS_GOVERNANCE_API_LISTEN": lambda s: s.addresses.api_listen,
    },
    # One-shot steps.
    "migrations": {
        "AUMOS_GOVERNANCE_MIGRATION_DATABASE_URL": _primary(
            POSTGRES_SUPERUSER, lambda c: c.postgres_password
        ),
        "AUMOS_GOVERNANCE_AGENTS_PASSWORD": lambda s: s.credentials.agents_password,
        "AUMOS_GOVERNANCE_READER_PASSWORD": lambda s: s.credentials.reader_password,
        "AUMOS_GOVERNANCE_BUNDLES_PASSWORD": lambda s: s.credentials.bundles_password,
        "AUMOS_GOVERNANCE_BACKGROUND_PASSWORD": lambda s: s.credentials.background_password,
        "AUMOS_GOVERNANCE_REPLAY_PASSWORD": lambda s: s.credentials.replay_password,
    },
    "audit-migrations": {
        "AUMOS_GOVERNANCE_MIGRATION_AUDIT_DB_URL": _audit(
            POSTGRES_SUPERUSER, lambda c: c.audit_postgres_password
        ),
        "AUMOS_GOVERNANCE_AUDIT_WRITER_PASSWORD": lambda s: s.credentials.audit_writer_password,
        "AUMOS_GOVERNANCE_AUDIT_READER_PASSWORD": lambda s: s.credentials.audit_reader_password,
        "AUMOS_GOVERNANCE_AUDIT_NOTARY_PASSWORD": lambda s: s.credentials.audit_notary_password,
    },
    "topics": {**_KAFKA},
    "bucket": {**_BUCKET, **_LOG},
    # The operator's command line: it publishes engine-made commands and reads all tenants for `verify`.
    "cli": {
        **_AGENTS_DATABASE,
        **_KAFKA,
        **_OPA,
        **_OPA_PROGRAM,
        **_BUCKET,
        **_LOG,
        "AUMOS_GOVERNANCE_LOG_TRUST": lambda s: str(Path(s.addresses.notary_state).with_name("trust.json")),
        **_SINK_API,
        **_API,
        **_ENGINE_KEY,
        **_TOKEN_KEY,
    },
}

MANAGED: Final = frozenset(name for values in ENVIRONMENT.values() for name in values)

# Taken from the caller's environment: what a program needs to find its files, and coverage of subprocesses.
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
_INHERITED_PREFIXES: Final = ("AUMOS_", "COVERAGE_", "COV_CORE_")
# How to reach another cluster; this one's broker speaks plain text.
_FOREIGN_PREFIXES: Final = ("AUMOS_KAFKA_",)


def process_environment(process: str, source: Source) -> dict[str, str]:
    """The variables that the stack sets for a process of the table."""
    return {name: value(source) for name, value in ENVIRONMENT[process].items()}


def inherited() -> dict[str, str]:
    """What a process takes over from the caller: search paths and `AUMOS_…` tuning, never what we manage."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in MANAGED
        and not name.startswith(_FOREIGN_PREFIXES)
        and (name in _INHERITED or name.startswith(_INHERITED_PREFIXES))
    }
