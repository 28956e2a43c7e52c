"""Commands as typed values: what clients send and what agents decide on.

Each model mirrors its Avro schema (a test compares field by field) and adds the bounds that Avro
cannot state. ``aggregate`` gives the second half of the Kafka key.
"""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.identity import MAX_NAME_CHARS, policy_id

MAX_REGO_CHARS: Final = 131_072
"""Bound of one module's source; the created event holds it and stays under 1 MiB."""

MAX_TIMEOUT_MS: Final = 10_000
"""Longest deadline a policy may ask for; it holds its lane for that long at worst."""

Enforcement = Literal["mandatory", "advisory"]
FailMode = Literal["closed", "open"]
Regulation = Literal["soc2", "iso27001", "hipaa", "iso42001", "eu_ai_act", "fedramp"]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("contains control characters")
    return text


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("contains a NUL character")
    return text


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS), AfterValidator(_printable)]
Text = Annotated[str, Field(max_length=2000), AfterValidator(_no_nul)]
Rego = Annotated[str, Field(min_length=1, max_length=MAX_REGO_CHARS), AfterValidator(_no_nul)]
Timeout = Annotated[int, Field(ge=1, le=MAX_TIMEOUT_MS)]
Version = Annotated[int, Field(ge=1, le=1_000_000)]


class Command(BaseModel):
    """Root of the typed commands."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    TYPE: ClassVar[str]

    def aggregate(self, tenant: str) -> str:
        """The aggregate's id in the Kafka key ``tenant/aggregate``."""
        raise NotImplementedError

    def subject(self, tenant: str) -> str:
        """``ce_subject``: what the command is about, ``type/id``."""
        return self.aggregate(tenant)


class _PolicyCommand(Command):
    def subject(self, tenant: str) -> str:
        return f"policy/{self.aggregate(tenant)}"


class CreatePolicy(_PolicyCommand):
    """Creates a policy with its first version."""

    TYPE = "governance.policy.create"
    name: Name
    policy_type: Literal["opa_rego"] = "opa_rego"
    rego_content: Rego
    regulation_refs: list[Regulation] = Field(default=[], max_length=20)
    description: Text = ""
    enforcement: Enforcement = "mandatory"
    fail_mode: FailMode = "closed"
    timeout_ms: Timeout | None = None

    def aggregate(self, tenant: str) -> str:
        return policy_id(tenant, self.name)


class _ExistingPolicyCommand(_PolicyCommand):
    policy: Name

    def aggregate(self, tenant: str) -> str:
        return policy_id(tenant, self.policy)


class UpdatePolicy(_ExistingPolicyCommand):
    """Submits the next version; what is None is taken from the newest version."""

    TYPE = "governance.policy.update"
    rego_content: Rego | None = None
    regulation_refs: list[Regulation] | None = Field(default=None, max_length=20)
    description: Text | None = None
    enforcement: Enforcement | None = None
    fail_mode: FailMode | None = None
    timeout_ms: Timeout | None = None


class ActivatePolicy(_ExistingPolicyCommand):
    """Asks for a version to become the deciding one."""

    TYPE = "governance.policy.activate"
    version: Version


class RetirePolicy(_ExistingPolicyCommand):
    """Takes a policy out of use."""

    TYPE = "governance.policy.retire"
    reason: Text = ""


class Confirmation(BaseModel):
    """One OPA process's word that it serves a bundle revision."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    opa: Name
    revision: int = Field(ge=0)


class ConfirmActivation(_ExistingPolicyCommand):
    """Engine-made: every OPA process of the shard serves the version."""

    TYPE = "governance.policy.confirm_activation"
    version: Version
    revision: int = Field(ge=1)
    confirmations: list[Confirmation] = Field(min_length=1, max_length=1000)


class FailActivation(_ExistingPolicyCommand):
    """Engine-made: the version was not confirmed."""

    TYPE = "governance.policy.fail_activation"
    version: Version
    reason: Text


class Evaluate(Command):
    """Asks one policy about one input (UTF-8 JSON object, bounds in :mod:`schemas.documents`)."""

    TYPE = "governance.policy.evaluate"
    policy: Name
    input: bytes
    resource: Name
    decision_point: Annotated[str, Field(max_length=MAX_NAME_CHARS), AfterValidator(_printable)] = ""

    def aggregate(self, tenant: str) -> str:
        return self.resource


class LaneCommand(Command):
    """A command about a lane itself; it goes to the partition that it names."""

    topic: Name
    partition: int = Field(ge=0)

    def aggregate(self, tenant: str) -> str:
        return f"{self.topic}/{self.partition}"

    def subject(self, tenant: str) -> str:
        return f"lane/{self.aggregate(tenant)}"


class RepublishLane(LaneCommand):
    """Publishes a lane's events from a sequence to its head once more."""

    TYPE = "governance.lane.republish"
    from_sequence: int = Field(ge=1)


class RetryQuarantined(LaneCommand):
    """Processes a quarantined command, then what is parked behind it."""

    TYPE = "governance.quarantine.retry"
    offset: int = Field(ge=0)
    reason: Text = ""


class DiscardQuarantined(LaneCommand):
    """Gives a quarantined command up; what is parked behind it is processed."""

    TYPE = "governance.quarantine.discard"
    offset: int = Field(ge=0)
    reason: Text = ""


COMMANDS: Final[dict[str, type[Command]]] = {
    model.TYPE: model
    for model in (
        CreatePolicy,
        UpdatePolicy,
        ActivatePolicy,
        RetirePolicy,
        ConfirmActivation,
        FailActivation,
        Evaluate,
        RepublishLane,
        RetryQuarantined,
        DiscardQuarantined,
    )
}
