"""What every process that speaks for the engine is told, beside its own settings."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from client.broker import Broker, SaslMechanism, SecurityProtocol

MIN_KEY_BYTES: Final = 32
"""Shortest key: a shorter one weakens HMAC-SHA-256 (RFC 2104 section 3)."""


def _key(value: SecretStr) -> SecretStr:
    try:
        key = bytes.fromhex(value.get_secret_value())
    except ValueError:
        raise ValueError("must be hexadecimal") from None
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"must hold at least {MIN_KEY_BYTES} bytes")
    return value


HexKey = Annotated[SecretStr, AfterValidator(_key)]


class EngineSettings(BaseSettings):
    """Primary database, Kafka and engine key; audit credentials are refused."""

    # A refused setting is named without its value: it may hold a password or a key.
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

    # Set for the audit sink alone; this process must not even hold it.
    audit_db_url: Annotated[SecretStr | None, Field(alias="AUMOS_GOVERNANCE_AUDIT_DB_URL")] = None

    @model_validator(mode="after")
    def _no_audit_credentials(self) -> Self:
        if self.audit_db_url is not None:
            raise ValueError("AUMOS_GOVERNANCE_AUDIT_DB_URL is set: only the audit sink may hold it")
        return self

    @classmethod
    def read(cls) -> Self:
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

    def key(self) -> bytes:
        """The engine key's bytes."""
        return bytes.fromhex(self.engine_key.get_secret_value())
