"""The command line's settings: the environment, or else the embedded stack.

Where the environment names no server (Kafka, read API or database), the values of the stack in
``AUMOS_STACK_DIR`` (or the project's own folder) are taken; a variable that is set wins over them.
"""

import getpass
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from client.broker import Broker, SaslMechanism, SecurityProtocol
from client.bucket import DEFAULT_REGION, Bucket
from client.command import Sender
from client.errors import InvalidCommand, NotConfigured

SOURCE: Final = "governance-cli"
"""``ce_source`` of every command from here."""

EMBEDDED_TENANT: Final = "acme"
"""Tenant on the embedded stack where none is named."""

SCOPES: Final = ("governance:read", "audit:read", "evidence:read")
"""What a token of one's own may read."""

CALL_TOKEN_S: Final = 300
"""Lifetime of the token that one call mints for itself, in seconds: the longest wait, and a little."""

_SERVERS: Final = ("AUMOS_KAFKA_BOOTSTRAP_SERVERS", "AUMOS_GOVERNANCE_API_URL", "AUMOS_DATABASE_URL")


class Settings(BaseSettings):
    """Everything that a command may need; what is missing is named when it is asked for."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    bootstrap: Annotated[str, Field(alias="AUMOS_KAFKA_BOOTSTRAP_SERVERS")] = "localhost:9092"
    security_protocol: Annotated[SecurityProtocol, Field(alias="AUMOS_KAFKA_SECURITY_PROTOCOL")] = "PLAINTEXT"
    sasl_mechanism: Annotated[SaslMechanism, Field(alias="AUMOS_KAFKA_SASL_MECHANISM")] = "SCRAM-SHA-512"
    username: Annotated[str, Field(alias="AUMOS_KAFKA_USERNAME")] = ""
    password: Annotated[SecretStr, Field(alias="AUMOS_KAFKA_PASSWORD")] = SecretStr("")
    ca_file: Annotated[str, Field(alias="AUMOS_KAFKA_CA_FILE")] = ""

    database_url: Annotated[SecretStr | None, Field(alias="AUMOS_DATABASE_URL")] = None
    api_url: Annotated[str | None, Field(alias="AUMOS_GOVERNANCE_API_URL")] = None
    sink_api_url: Annotated[str | None, Field(alias="AUMOS_GOVERNANCE_SINK_API_URL")] = None
    token: Annotated[SecretStr | None, Field(alias="AUMOS_GOVERNANCE_TOKEN")] = None
    token_key: Annotated[SecretStr | None, Field(alias="AUMOS_GOVERNANCE_TOKEN_KEY")] = None
    engine_key: Annotated[SecretStr | None, Field(alias="AUMOS_GOVERNANCE_ENGINE_KEY")] = None
    tenant: Annotated[str | None, Field(alias="AUMOS_GOVERNANCE_TENANT")] = None
    actor: Annotated[str | None, Field(alias="AUMOS_GOVERNANCE_ACTOR")] = None
    bucket_name: Annotated[str, Field(alias="AUMOS_GOVERNANCE_EVIDENCE_ARTIFACT_BUCKET")] = (
        "aumos-governance-evidence"
    )
    s3_url: Annotated[str, Field(alias="AUMOS_GOVERNANCE_S3_URL")] = ""
    s3_region: Annotated[str, Field(alias="AWS_REGION")] = DEFAULT_REGION
    s3_access_key: Annotated[str | None, Field(alias="AWS_ACCESS_KEY_ID")] = None
    s3_secret_key: Annotated[SecretStr | None, Field(alias="AWS_SECRET_ACCESS_KEY")] = None
    schema_registry_url: Annotated[str | None, Field(alias="AUMOS_SCHEMA_REGISTRY_URL")] = None

    embedded: bool = False
    """Whether the values come from the embedded stack."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings

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

    def sender(self, tenant: str | None, actor: str | None, signed: bool = False) -> Sender:
        """In whose name commands are sent; ``signed`` for operator commands.

        Raises :class:`NotConfigured`.
        """
        named = actor or self.actor or f"cli/{getpass.getuser()}"
        return Sender(self.tenant_of(tenant), named, SOURCE, self.engine() if signed else None)

    def tenant_of(self, tenant: str | None) -> str:
        """The tenant that the caller means; the embedded stack has one by default."""
        chosen = tenant or self.tenant or (EMBEDDED_TENANT if self.embedded else None)
        if chosen is None:
            raise NotConfigured("AUMOS_GOVERNANCE_TENANT (or --tenant)", "know whose policies are meant")
        return chosen

    def bearer(self, tenant: str | None) -> str:
        """A token for the read API: the given one, or one minted with the local key.

        Raises :class:`NotConfigured`.
        """
        if self.token is not None:
            return self.token.get_secret_value()
        return self.minted(tenant, SCOPES, CALL_TOKEN_S)

    def minted(self, tenant: str | None, scopes: Sequence[str], lifetime_s: int) -> str:
        """A local token; raises :class:`NotConfigured` without the local key, :class:`InvalidCommand`."""
        if self.token_key is None:
            raise NotConfigured("AUMOS_GOVERNANCE_TOKEN (or _TOKEN_KEY)", "ask the read API")
        # Here and not above: it loads a cryptography library that most commands do without.
        from projections.tokens import mint

        key, subject = self.token_key.get_secret_value(), self.actor or f"cli/{getpass.getuser()}"
        try:
            return mint(key, self.tenant_of(tenant), subject, scopes, lifetime_s)
        except ValueError as error:
            raise InvalidCommand(f"token: {error}") from error

    def bucket(self) -> Bucket:
        """Where evidence goes; raises :class:`NotConfigured`."""
        if self.s3_access_key is None or self.s3_secret_key is None:
            raise NotConfigured("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "upload evidence")
        secret = self.s3_secret_key.get_secret_value()
        return Bucket(self.bucket_name, self.s3_access_key, secret, self.s3_url, self.s3_region)

    def database(self) -> str:
        """The primary database as an operator sees it; raises :class:`NotConfigured`."""
        if self.database_url is None:
            raise NotConfigured("AUMOS_DATABASE_URL", "read quarantine and lanes")
        return self.database_url.get_secret_value()

    def engine(self) -> bytes:
        """The engine key that signs operator commands; raises :class:`NotConfigured`."""
        if self.engine_key is None:
            raise NotConfigured("AUMOS_GOVERNANCE_ENGINE_KEY", "sign operator commands")
        try:
            return bytes.fromhex(self.engine_key.get_secret_value())
        except ValueError:
            raise InvalidCommand("AUMOS_GOVERNANCE_ENGINE_KEY is not hexadecimal") from None

    def api(self) -> str:
        """The read API's address; raises :class:`NotConfigured`."""
        if self.api_url is None:
            raise NotConfigured("AUMOS_GOVERNANCE_API_URL", "read from the API")
        return self.api_url


def settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this call; raises :class:`InvalidCommand` for a variable that has no sense."""
    present = os.environ if environment is None else environment
    stack = {} if any(present.get(name) for name in _SERVERS) else _stack_environment()
    taken = {name: value for name, value in stack.items() if name not in present}
    try:
        return Settings.model_validate({**taken, "embedded": bool(stack)})
    except ValidationError as error:
        raise InvalidCommand(f"environment: {error}") from None


def _stack_environment() -> Mapping[str, str]:
    # Here and not above: starting an interpreter for one command should not load what it does not use.
    from devstack import StackAbsent, environment

    try:
        return environment("cli")
    except StackAbsent:
        return {}
