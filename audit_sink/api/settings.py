"""Settings of the read endpoint, from the environment."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    """Every setting of ``python -m audit_sink.api`` but those of :mod:`projections.tokens`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    # Where to listen, host:port; port 0 takes a free one. Loopback: only the read API asks.
    listen: str = Field(default="127.0.0.1:8001", alias="AUMOS_GOVERNANCE_SINK_API_LISTEN")
    # The audit database as gov_audit_reader.
    audit_db_url: SecretStr = Field(alias="AUMOS_GOVERNANCE_AUDIT_DB_URL")
    # Sessions at most, so requests that read at once.
    pool_size: int = Field(default=5, ge=1, le=100, alias="AUMOS_GOVERNANCE_AUDIT_DB_POOL_SIZE")
    # Milliseconds that one statement, or the wait for a session, may take.
    database_timeout_ms: int = Field(
        default=5_000, ge=100, le=60_000, alias="AUMOS_GOVERNANCE_SINK_API_DB_TIMEOUT_MS"
    )
    # Seconds that requests in flight may take after SIGTERM.
    shutdown_s: int = Field(default=10, ge=1, le=300, alias="AUMOS_GOVERNANCE_SINK_API_SHUTDOWN_S")

    @property
    def host(self) -> str:
        """Host part of ``listen``."""
        return str(urlsplit(f"//{self.listen}").hostname)

    @property
    def port(self) -> int:
        """Port part of ``listen``."""
        return int(urlsplit(f"//{self.listen}").port or 0)

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        parts = urlsplit(f"//{listen}")
        if not parts.hostname or parts.port is None:
            raise ValueError("not host:port")
        return listen
