"""Settings of the sink process, from the environment."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Listen = Annotated[str, Field(pattern=r"^\S+:\d{1,5}$")]
"""``host:port``; port 0 takes any free one."""


class SinkSettings(BaseSettings):
    """``python -m audit_sink``."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    audit_db_url: SecretStr = Field(alias="AUMOS_GOVERNANCE_AUDIT_DB_URL")
    """DSN of the audit database as gov_audit_writer, without a pooler in between."""

    pool_size: int = Field(5, ge=3, le=100, alias="AUMOS_GOVERNANCE_AUDIT_DB_POOL_SIZE")
    """Sessions at most: one appends, one holds the lead, the others read."""

    bootstrap_servers: str = Field("localhost:9092", min_length=1, alias="AUMOS_KAFKA_BOOTSTRAP_SERVERS")

    metrics_listen: Listen = Field("127.0.0.1:0", alias="AUMOS_GOVERNANCE_METRICS_LISTEN")
    """Where /metrics, /live and /ready answer."""

    batch_records: int = Field(4_096, ge=1, le=65_536, alias="AUMOS_GOVERNANCE_SINK_BATCH_RECORDS")
    """Records in one transaction. More gain little above 2,048 and hold more memory (8 KiB a record)."""

    linger_ms: int = Field(20, ge=0, le=1_000, alias="AUMOS_GOVERNANCE_SINK_LINGER_MS")
    """How long a poll that is not full waits for more, in ms; part of every event's way to the wall."""
