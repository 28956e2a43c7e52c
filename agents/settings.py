"""Settings of the worker. ``.env.example`` lists them all."""

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENGINE_KEY_BYTES = 32
"""Least length of the engine key (HMAC-SHA-256 keys shorter than the hash weaken it, RFC 2104)."""


class WorkerSettings(BaseSettings):
    """What a worker needs to know; raises pydantic's ValidationError with every problem."""

    # A refused setting is named without its value: it may hold a password or a key.
    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    database_url: SecretStr = Field(alias="AUMOS_DATABASE_URL")
    """Primary database, login gov_agents."""

    kafka: str = Field("localhost:9092", alias="AUMOS_KAFKA_BOOTSTRAP_SERVERS")

    opa_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        ("http://localhost:8181",), alias="AUMOS_GOVERNANCE_OPA_URL"
    )
    """OPA processes, comma separated; tenants are spread over them by a stable hash."""

    opa_binary: str = Field("opa", alias="AUMOS_GOVERNANCE_OPA_BINARY")
    """Program that parses and checks submitted modules."""

    eval_timeout_ms: int = Field(200, alias="AUMOS_GOVERNANCE_POLICY_EVAL_TIMEOUT_MS", ge=1, le=10_000)
    """Deadline of an evaluation whose policy names none: a gate's caller waits for about as long."""

    engine_key: SecretStr = Field(alias="AUMOS_GOVERNANCE_ENGINE_KEY")
    """Hex; authenticates commands that only the engine makes."""

    schema_registry_url: str = Field("", alias="AUMOS_SCHEMA_REGISTRY_URL")
    """Confluent-compatible registry; empty: Confluent framing is quarantined."""

    metrics_listen: str = Field("", alias="AUMOS_GOVERNANCE_METRICS_LISTEN")
    """host:port of ``/metrics`` and ``/ready``; empty: not served."""

    slot: str = Field("worker-0", alias="AUMOS_GOVERNANCE_WORKER_SLOT", pattern=r"^[\w.-]{1,100}$")
    """Stable name of this worker among all: Kafka static membership. A restart under the same name
    gets its lanes back without waiting for the session time-out."""

    session_timeout_s: float = Field(10.0, alias="AUMOS_GOVERNANCE_SESSION_TIMEOUT_S", ge=6, le=300)
    """Seconds after which a silent worker's lanes go to others. Kafka's brokers refuse less than 6;
    database locks and idle transactions end at half of it."""

    batch_records: int = Field(500, alias="AUMOS_GOVERNANCE_BATCH_RECORDS", ge=1, le=5000)
    """Most commands of one transaction: beyond 500 the cost per command no longer falls."""

    batch_wait_ms: int = Field(5, alias="AUMOS_GOVERNANCE_BATCH_WAIT_MS", ge=1, le=1000)
    """How long a delivery waits for more commands. Below 5 ms latency rises again at a few hundred commands
    a second: a batch costs more than it waits. Under load batches grow by themselves, see
    agents/lanes/intake.py."""

    pool_size: int = Field(10, alias="AUMOS_GOVERNANCE_DATABASE_POOL_SIZE", ge=4, le=100)
    """Connections: two per family's pipeline, and some for its upkeep."""

    evidence_max_bytes: int = Field(2**30, alias="AUMOS_GOVERNANCE_EVIDENCE_MAX_BYTES", ge=1, le=5 * 2**30)
    """Largest artifact of evidence, in bytes (1 GiB): reports and exports are far below, and the verifier
    reads every byte. S3 takes at most 5 GiB in one request."""

    tenant_settings: str = Field("", alias="AUMOS_GOVERNANCE_TENANT_SETTINGS")
    """YAML file of what tenants settle about their policies (:mod:`agents.tenant_settings`)."""

    breaker_failures: int = Field(20, alias="AUMOS_GOVERNANCE_BREAKER_FAILURES", ge=2, le=10_000)
    """Failed evaluations (timeout, evaluation_error) that suspend a version, where they are at least half
    of all. Every worker counts for itself."""

    breaker_window_s: float = Field(60.0, alias="AUMOS_GOVERNANCE_BREAKER_WINDOW_S", gt=0, le=3600)
    """Seconds within which they must come."""

    stuck_after_s: float = Field(60.0, alias="AUMOS_GOVERNANCE_STUCK_AFTER_S", ge=10)
    """A worker with waiting commands and no progress for so long, and no outage, ends itself."""

    audit_db_url: SecretStr | None = Field(None, alias="AUMOS_GOVERNANCE_AUDIT_DB_URL")

    @field_validator("opa_urls", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(url.strip() for url in value.split(",") if url.strip())
        return value

    @field_validator("engine_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        try:
            key = bytes.fromhex(value.get_secret_value())
        except ValueError:
            raise ValueError("must be hex") from None
        if len(key) < ENGINE_KEY_BYTES:
            raise ValueError(f"must have at least {ENGINE_KEY_BYTES} bytes")
        return value

    @field_validator("audit_db_url")
    @classmethod
    def _not_here(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and value.get_secret_value():
            raise ValueError("audit credentials belong to the audit sink alone; unset them for this process")
        return None

    @property
    def key(self) -> bytes:
        """The engine key's bytes."""
        return bytes.fromhex(self.engine_key.get_secret_value())
