"""Settings of the read API, from environment variables."""

from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

AUDIT_DSN: Final = "AUMOS_GOVERNANCE_AUDIT_DB_URL"


class Settings(BaseSettings):
    """Every setting of ``python -m projections.api`` but those of :mod:`projections.tokens`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    # Where to listen, host:port. Loopback: TLS and the outside world belong to a proxy.
    listen: str = Field(default="127.0.0.1:8000", alias="AUMOS_GOVERNANCE_API_LISTEN")
    # The primary database as its reader role.
    database_url: SecretStr = Field(alias="AUMOS_DATABASE_URL")
    # Connections kept open at least. 0: the process starts, not ready, while the database is away.
    pool_min: int = Field(default=0, ge=0, le=100, alias="AUMOS_GOVERNANCE_API_DB_POOL_MIN")
    # Connections at most, so requests that read at once. More only queue in Postgres.
    pool_max: int = Field(default=8, ge=1, le=100, alias="AUMOS_GOVERNANCE_API_DB_POOL_MAX")
    # Milliseconds that one statement, or the wait for a connection, may take; every query is served
    # by an index, so what takes longer is an outage.
    database_timeout_ms: int = Field(
        default=5_000, ge=100, le=60_000, alias="AUMOS_GOVERNANCE_API_DB_TIMEOUT_MS"
    )
    kafka: str = Field(default="localhost:9092", min_length=1, alias="AUMOS_KAFKA_BOOTSTRAP_SERVERS")
    # OPA processes, comma separated; only their health is asked.
    opa_urls: str = Field(default="http://localhost:8181", min_length=1, alias="AUMOS_GOVERNANCE_OPA_URL")
    # The OPA program, with which recorded decisions are explained.
    opa_binary: str = Field(default="opa", min_length=1, alias="AUMOS_GOVERNANCE_OPA_BINARY")
    # The audit sink's read endpoint; without it the audit paths answer 503.
    sink_url: str | None = Field(default=None, alias="AUMOS_GOVERNANCE_SINK_API_URL")
    # Milliseconds that the sink may take for one audit query.
    sink_timeout_ms: int = Field(
        default=10_000, ge=100, le=60_000, alias="AUMOS_GOVERNANCE_API_SINK_TIMEOUT_MS"
    )
    # Milliseconds that a dependency may take to prove that it is up; a slower one is down.
    probe_timeout_ms: int = Field(
        default=2_000, ge=50, le=30_000, alias="AUMOS_GOVERNANCE_API_PROBE_TIMEOUT_MS"
    )
    # Seconds that requests in flight may take after SIGTERM.
    shutdown_s: int = Field(default=10, ge=1, le=300, alias="AUMOS_GOVERNANCE_API_SHUTDOWN_S")
    # Must not be there: only the audit sink holds audit credentials.
    audit_dsn: SecretStr | None = Field(default=None, alias=AUDIT_DSN, repr=False)

    @property
    def host(self) -> str:
        """Host part of ``listen``."""
        return str(urlsplit(f"//{self.listen}").hostname)

    @property
    def port(self) -> int:
        """Port part of ``listen``; 0 takes a free one."""
        return int(urlsplit(f"//{self.listen}").port or 0)

    @property
    def opas(self) -> tuple[str, ...]:
        """The OPA processes' base URLs."""
        return tuple(url.strip().rstrip("/") for url in self.opa_urls.split(",") if url.strip())

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        parts = urlsplit(f"//{listen}")
        if not parts.hostname or parts.port is None:
            raise ValueError("not host:port")
        return listen

    @field_validator("opa_urls", "sink_url")
    @classmethod
    def _http(cls, urls: str | None) -> str | None:
        for url in (urls or "").split(","):
            parts = urlsplit(url.strip())
            if url and (parts.scheme not in ("http", "https") or not parts.hostname):
                raise ValueError("not an http or https URL")
        return urls

    @model_validator(mode="after")
    def _no_audit_credentials(self) -> "Settings":
        if self.audit_dsn is not None:
            raise ValueError(f"{AUDIT_DSN} is set: only the audit sink may hold audit credentials")
        if self.pool_min > self.pool_max:
            raise ValueError("AUMOS_GOVERNANCE_API_DB_POOL_MIN is above AUMOS_GOVERNANCE_API_DB_POOL_MAX")
        return self
