"""Settings of the sink process, from the environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from client.bucket import DEFAULT_REGION, Bucket

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

    bucket: str = Field("aumos-governance-wall", alias="AUMOS_GOVERNANCE_WALL_BUCKET")
    """Bucket of the log: the wall must continue its newest checkpoint. Without keys it is not asked."""

    s3_url: str = Field("", alias="AUMOS_GOVERNANCE_S3_URL")
    s3_access_key: SecretStr | None = Field(None, alias="AWS_ACCESS_KEY_ID")
    s3_secret_key: SecretStr | None = Field(None, alias="AWS_SECRET_ACCESS_KEY")
    s3_region: str = Field(DEFAULT_REGION, alias="AWS_REGION")

    trust: Path | None = Field(None, alias="AUMOS_GOVERNANCE_LOG_TRUST")
    """Trust file of the log: then only checkpoints that are signed so count. Without, all do."""

    linger_ms: int = Field(20, ge=0, le=1_000, alias="AUMOS_GOVERNANCE_SINK_LINGER_MS")
    """How long a poll that is not full waits for more, in ms; part of every event's way to the wall."""

    def wall_bucket(self) -> Bucket | None:
        """The bucket with its keys; None without keys."""
        if self.s3_access_key is None or self.s3_secret_key is None:
            return None
        return Bucket(
            self.bucket,
            self.s3_access_key.get_secret_value(),
            self.s3_secret_key.get_secret_value(),
            self.s3_url,
            self.s3_region,
        )
