"""Settings of the notary, from the environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from audit_sink.notary.postgres import Standby
from audit_sink.settings import Listen


class NotarySettings(BaseSettings):
    """``python -m audit_sink.notary``."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    notary_db_url: SecretStr = Field(alias="AUMOS_GOVERNANCE_NOTARY_DB_URL")
    """DSN of the audit database as gov_audit_notary."""

    origin: str = Field(alias="AUMOS_GOVERNANCE_LOG_ORIGIN", pattern=r"^[^\s+]{1,200}$")
    """Name of the log, a URL without scheme: the first line of every checkpoint, and its key's name."""

    notary_key: SecretStr = Field(alias="AUMOS_GOVERNANCE_NOTARY_KEY")
    """Ed25519 private key, hex of 32 bytes. No other process may have it."""

    ml_dsa_key: SecretStr | None = Field(None, alias="AUMOS_GOVERNANCE_NOTARY_ML_DSA_KEY")
    """Seed of an ML-DSA-44 key, hex of 32 bytes, which then signs too."""

    state: Path = Field(alias="AUMOS_GOVERNANCE_NOTARY_STATE")
    """File in which it keeps its last word; on a disk of its own, apart from database and bucket."""

    bucket: str = Field("aumos-governance-wall", alias="AUMOS_GOVERNANCE_WALL_BUCKET")
    """Bucket of the log's tiles, versioned, with Object Lock."""

    s3_url: str = Field("", alias="AUMOS_GOVERNANCE_S3_URL")
    """S3 endpoint; empty: AWS itself."""

    s3_access_key: SecretStr = Field(alias="AWS_ACCESS_KEY_ID")
    s3_secret_key: SecretStr = Field(alias="AWS_SECRET_ACCESS_KEY")
    s3_region: str = Field("us-east-1", alias="AWS_REGION")

    retention_days: int = Field(3_653, ge=1, le=36_500, alias="AUMOS_GOVERNANCE_WALL_RETENTION_DAYS")
    """How long locked objects stay at least: the EU AI Act's ten years (Art. 18(1)), the longest that any
    regulation here asks for. It can be lengthened, never shortened."""

    every_ms: int = Field(1_000, ge=50, le=60_000, alias="AUMOS_GOVERNANCE_NOTARY_EVERY_MS")
    """Time between two checkpoints, in ms: part of every event's way to its proof."""

    standby: Standby = Field("optional", alias="AUMOS_GOVERNANCE_WALL_STANDBY")
    """Whether it signs only where a synchronous standby has confirmed, or also where none is set."""

    witnesses: Annotated[tuple[tuple[str, str], ...], NoDecode] = Field(
        (), alias="AUMOS_GOVERNANCE_WITNESSES"
    )
    """Pairs ``<vkey> <submission prefix>``, comma separated."""

    quorum: int = Field(0, ge=0, le=100, alias="AUMOS_GOVERNANCE_WITNESS_QUORUM")
    """Witnesses that must cosign before a checkpoint is published."""

    metrics_listen: Listen = Field("127.0.0.1:0", alias="AUMOS_GOVERNANCE_METRICS_LISTEN")
    """Where /metrics, /live and /ready answer."""

    @field_validator("witnesses", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [tuple(part.split()) for part in value.split(",") if part.strip()]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError("each witness is a vkey and a URL")
        return tuple(pairs)
