"""What the bundle service is told by its environment."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from client.broker import Broker, SaslMechanism, SecurityProtocol

MIN_KEY_BYTES: Final = 32
"""An HMAC-SHA-256 key is at least as long as the hash (RFC 2104 section 3)."""


def _key(value: SecretStr) -> SecretStr:
    try:
        key = bytes.fromhex(value.get_secret_value())
    except ValueError:
        raise ValueError("must be hexadecimal") from None
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"must hold at least {MIN_KEY_BYTES} bytes")
    return value


HexKey = Annotated[SecretStr, AfterValidator(_key)]


class BundleSettings(BaseSettings):
    """Environment of ``python -m agents.bundles``."""

    model_config = SettingsConfigDict(
        frozen=True, populate_by_name=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: Annotated[SecretStr, Field(alias="AUMOS_DATABASE_URL")]
    bootstrap: Annotated[str, Field(alias="AUMOS_KAFKA_BOOTSTRAP_SERVERS")] = "localhost:9092"
    security_protocol: Annotated[SecurityProtocol, Field(alias="AUMOS_KAFKA_SECURITY_PROTOCOL")] = "PLAINTEXT"
    sasl_mechanism: Annotated[SaslMechanism, Field(alias="AUMOS_KAFKA_SASL_MECHANISM")] = "SCRAM-SHA-512"
    username: Annotated[str, Field(alias="AUMOS_KAFKA_USERNAME")] = ""
    password: Annotated[SecretStr, Field(alias="AUMOS_KAFKA_PASSWORD")] = SecretStr("")
    ca_file: Annotated[str, Field(alias="AUMOS_KAFKA_CA_FILE")] = ""
    engine_key: Annotated[HexKey, Field(alias="AUMOS_GOVERNANCE_ENGINE_KEY")]

    # Only its length matters here: one bundle per process, named opa-0, opa-1, … in this order.
    opa_url: Annotated[str, Field(alias="AUMOS_GOVERNANCE_OPA_URL")] = "http://localhost:8181"

    # host:port. OPA asks here for its bundle, probes for health.
    listen: Annotated[str, Field(alias="AUMOS_GOVERNANCE_BUNDLE_LISTEN")] = "127.0.0.1:8282"

    # host:port of a second listener for /metrics alone; empty: /metrics on `listen` only.
    metrics_listen: Annotated[str, Field(alias="AUMOS_GOVERNANCE_METRICS_LISTEN")] = ""

    # Hex. When set, bundles are signed (HS256) and OPA's configuration must hold the same key under the
    # id "bundles". Never the engine key: OPA must not be able to make commands.
    signing_key: Annotated[HexKey | None, Field(alias="AUMOS_GOVERNANCE_BUNDLE_KEY")] = None

    # Seconds from an activation's first sight until it is given up. Loading 500 modules takes 0.6 s;
    # ten leaves room for a busy machine and for OPA's longest pause between polls (2 s). At least 1.
    confirm_timeout_s: Annotated[
        float, Field(alias="AUMOS_GOVERNANCE_BUNDLE_CONFIRM_TIMEOUT_S", ge=1, le=3600)
    ] = 10.0

    # Seconds after which a verdict without effect is sent again: above a worker's restart (4 s).
    repeat_s: Annotated[float, Field(alias="AUMOS_GOVERNANCE_BUNDLE_REPEAT_S", ge=0.1, le=3600)] = 5.0

    # Seconds between readings of the database when no notification comes.
    poll_s: Annotated[float, Field(alias="AUMOS_GOVERNANCE_BUNDLE_POLL_S", ge=0.05, le=60)] = 1.0

    # Seconds for which changes are collected before a bundle is made: one reload instead of many.
    coalesce_s: Annotated[float, Field(alias="AUMOS_GOVERNANCE_BUNDLE_COALESCE_S", ge=0, le=10)] = 0.02

    # Set for the audit sink alone; this process must not even hold it.
    audit_db_url: Annotated[SecretStr | None, Field(alias="AUMOS_GOVERNANCE_AUDIT_DB_URL")] = None

    @model_validator(mode="after")
    def _no_audit_credentials(self) -> "BundleSettings":
        if self.audit_db_url is not None:
            raise ValueError("AUMOS_GOVERNANCE_AUDIT_DB_URL is set: only the audit sink may hold it")
        return self

    @classmethod
    def read(cls) -> "BundleSettings":
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

    def processes(self) -> int:
        """How many OPA processes there are."""
        return len([url for url in self.opa_url.split(",") if url.strip()])

    def bundle_key(self) -> bytes:
        """The signing key, empty for none."""
        return bytes.fromhex(self.signing_key.get_secret_value()) if self.signing_key else b""
