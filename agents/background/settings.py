"""What the background process is told by its environment."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from client.broker import Broker, SaslMechanism, SecurityProtocol
from client.bucket import DEFAULT_REGION, Bucket

MIN_KEY_BYTES = 32
"""An HMAC-SHA-256 key is at least as long as the hash (RFC 2104 section 3)."""


def _key(value: SecretStr) -> SecretStr:
    try:
        key = bytes.fromhex(value.get_secret_value())
    except ValueError:
        raise ValueError("must be hexadecimal") from None
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"must hold at least {MIN_KEY_BYTES} bytes")
    return value


class BackgroundSettings(BaseSettings):
    """Environment of ``python -m agents.background``."""

    # A refused setting is named without its value: it may hold a password or a key.
    model_config = SettingsConfigDict(
        frozen=True, populate_by_name=True, extra="ignore", hide_input_in_errors=True
    )

    # Primary database, login gov_background: it reads what is due and writes nothing.
    database_url: Annotated[SecretStr, Field(alias="AUMOS_DATABASE_URL")]

    bootstrap: Annotated[str, Field(alias="AUMOS_KAFKA_BOOTSTRAP_SERVERS")] = "localhost:9092"
    security_protocol: Annotated[SecurityProtocol, Field(alias="AUMOS_KAFKA_SECURITY_PROTOCOL")] = "PLAINTEXT"
    sasl_mechanism: Annotated[SaslMechanism, Field(alias="AUMOS_KAFKA_SASL_MECHANISM")] = "SCRAM-SHA-512"
    username: Annotated[str, Field(alias="AUMOS_KAFKA_USERNAME")] = ""
    password: Annotated[SecretStr, Field(alias="AUMOS_KAFKA_PASSWORD")] = SecretStr("")
    ca_file: Annotated[str, Field(alias="AUMOS_KAFKA_CA_FILE")] = ""

    # Hex; authenticates the commands of this process.
    engine_key: Annotated[SecretStr, AfterValidator(_key), Field(alias="AUMOS_GOVERNANCE_ENGINE_KEY")]

    # host:port of /live, /ready and /metrics; empty: not served.
    metrics_listen: Annotated[str, Field(alias="AUMOS_GOVERNANCE_METRICS_LISTEN")] = ""

    # The evidence bucket: S3's endpoint (empty: AWS itself), and keys that may read, list and lock.
    s3_url: Annotated[str, Field(alias="AUMOS_GOVERNANCE_S3_URL")] = ""
    bucket_name: Annotated[str, Field(alias="AUMOS_GOVERNANCE_EVIDENCE_ARTIFACT_BUCKET", min_length=1)] = (
        "aumos-governance-evidence"
    )
    access_key: Annotated[str, Field(alias="AWS_ACCESS_KEY_ID", min_length=1)]
    secret_key: Annotated[SecretStr, Field(alias="AWS_SECRET_ACCESS_KEY")]
    region: Annotated[str, Field(alias="AWS_REGION", min_length=1)] = DEFAULT_REGION

    # Bytes. A larger object is quarantined unread; the workers refuse larger submissions by the same
    # setting. S3 takes at most 5 GiB in one request.
    max_bytes: Annotated[int, Field(alias="AUMOS_GOVERNANCE_EVIDENCE_MAX_BYTES", ge=1, le=5 * 2**30)] = 2**30

    # Days for which a verified artifact cannot be deleted, from its submission on: six years, HIPAA's
    # (45 CFR 164.316), the longest of the regulations here. At most a century: it can never be shortened.
    retention_days: Annotated[
        int, Field(alias="AUMOS_GOVERNANCE_EVIDENCE_RETENTION_DAYS", ge=1, le=36_525)
    ] = 2190

    # Seconds between looks for unverified evidence: nobody waits for a verification with open eyes.
    poll_s: Annotated[float, Field(alias="AUMOS_GOVERNANCE_EVIDENCE_POLL_S", ge=0.05, le=60)] = 1.0

    # Set for the audit sink alone; this process must not even hold it.
    audit_db_url: Annotated[SecretStr | None, Field(alias="AUMOS_GOVERNANCE_AUDIT_DB_URL")] = None

    @model_validator(mode="after")
    def _no_audit_credentials(self) -> "BackgroundSettings":
        if self.audit_db_url is not None and self.audit_db_url.get_secret_value():
            raise ValueError("AUMOS_GOVERNANCE_AUDIT_DB_URL is set: only the audit sink may hold it")
        return self

    @classmethod
    def read(cls) -> "BackgroundSettings":
        """From the environment; raises pydantic's ValidationError, which shows no values."""
        return cls.model_validate({})

    def broker(self) -> Broker:
        """How to reach Kafka."""
        return Broker(
            bootstrap=self.bootstrap,
            security_protocol=self.security_protocol,
            sasl_mechanism=self.sasl_mechanism,
            username=self.username,
            password=self.password.get_secret_value(),
            ca_file=self.ca_file,
        )

    def bucket(self) -> Bucket:
        """How to reach the evidence bucket."""
        return Bucket(
            name=self.bucket_name,
            access_key=self.access_key,
            secret_key=self.secret_key.get_secret_value(),
            url=self.s3_url,
            region=self.region,
        )

    def key(self) -> bytes:
        """The engine key's bytes."""
        return bytes.fromhex(self.engine_key.get_secret_value())
