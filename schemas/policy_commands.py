"""Commands about policies and decisions as typed values; see :mod:`schemas.models`."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.command import Command, Name, Text, no_nul, printable
from schemas.identity import MAX_NAME_CHARS, policy_id
from schemas.replay_report import ReplayReport

MAX_REGO_CHARS: Final = 131_072
"""Bound of one module's source; the created event holds it and stays under 1 MiB."""

MAX_TIMEOUT_MS: Final = 10_000
"""Longest deadline a policy may ask for; it holds its lane for that long at worst."""

MAX_FILES: Final = 100
"""Most further files of a policy."""

MAX_PERSONAL_FIELDS: Final = 50
"""Most personal fields of a policy; masking looks each up in every stored input."""

Enforcement = Literal["mandatory", "soft_mandatory", "advisory"]
"""What a deny does: blocks; blocks until another person overrides it; is only recorded."""
FailMode = Literal["closed", "open", "last_known"]
"""What decides where the policy cannot: deny; allow; its last answer on the same resource, else deny."""
PolicyType = Literal["opa_rego", "rego_v0"]
"""The language's version 1; or its version 0, which is converted when it is submitted."""
InputStorage = Literal["full", "digest"]
Regulation = Literal["soc2", "iso27001", "hipaa", "iso42001", "eu_ai_act", "fedramp"]


Rego = Annotated[str, Field(min_length=1, max_length=MAX_REGO_CHARS), AfterValidator(no_nul)]
Timeout = Annotated[int, Field(ge=1, le=MAX_TIMEOUT_MS)]
Version = Annotated[int, Field(ge=1, le=1_000_000)]


FilePath = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS), AfterValidator(printable)]
EntryPath = Annotated[str, Field(max_length=MAX_NAME_CHARS), AfterValidator(printable)]
"""Where ``rego_content`` lies among the files, for findings; empty: they name it ``policy.rego``."""
JsonPointer = Annotated[
    str, Field(pattern=r"^(/[^/]*)+$", max_length=MAX_NAME_CHARS), AfterValidator(printable)
]
"""RFC 6901, not the whole document; ``*`` stands for every element of an array or member of an object."""


class PolicyFile(BaseModel):
    """One further file of a policy: a module, a test (``_test.rego``) or data (``.json``, ``.yaml``)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    path: FilePath
    content: Annotated[str, Field(max_length=MAX_REGO_CHARS), AfterValidator(no_nul)]


class _PolicyCommand(Command):
    def subject(self, tenant: str) -> str:
        return f"policy/{self.aggregate(tenant)}"


class CreatePolicy(_PolicyCommand):
    """Creates a policy with its first version."""

    TYPE = "governance.policy.create"
    name: Name
    policy_type: PolicyType = "opa_rego"
    rego_content: Rego
    regulation_refs: list[Regulation] = Field(default=[], max_length=20)
    description: Text = ""
    enforcement: Enforcement = "mandatory"
    fail_mode: FailMode = "closed"
    timeout_ms: Timeout | None = None
    files: list[PolicyFile] = Field(default=[], max_length=MAX_FILES)
    personal_fields: list[JsonPointer] = Field(default=[], max_length=MAX_PERSONAL_FIELDS)
    input_storage: InputStorage = "full"
    entry_path: EntryPath = ""

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
    files: list[PolicyFile] | None = Field(default=None, max_length=MAX_FILES)
    personal_fields: list[JsonPointer] | None = Field(default=None, max_length=MAX_PERSONAL_FIELDS)
    input_storage: InputStorage | None = None
    entry_path: EntryPath | None = None
    """Counts only where ``rego_content`` comes along."""


class ReplayGate(BaseModel):
    """A replay of recorded decisions that must stay inside a budget of changed outcomes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    days: int = Field(ge=1, le=3650)
    flip_budget: int = Field(ge=0, le=1_000_000_000)


class ActivatePolicy(_ExistingPolicyCommand):
    """Asks for a version to become the deciding one."""

    TYPE = "governance.policy.activate"
    version: Version
    replay: ReplayGate | None = None
    override_replay: Text = ""
    """Why the version is activated although its replay kept it back; empty: it is not."""


class RollbackPolicy(_ExistingPolicyCommand):
    """Asks for a superseded version to decide again: by default the one that decided last."""

    TYPE = "governance.policy.rollback"
    to_version: Version | None = None
    reason: Text = ""


class RetirePolicy(_ExistingPolicyCommand):
    """Takes a policy out of use."""

    TYPE = "governance.policy.retire"
    reason: Text = ""


SuspensionCause = Literal["operator", "breaker", "bundle"]
"""Who takes a version's say away: a person; the engine, after too many failures or over a bad bundle."""


class SuspendPolicy(_ExistingPolicyCommand):
    """Stops asking a version, by default the active one, until it is activated again."""

    TYPE = "governance.policy.suspend"
    version: Version | None = None
    reason: Text = ""
    cause: SuspensionCause = "operator"
    """Any other than ``operator`` needs the engine's authentication code."""


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


class ShadowPolicy(_ExistingPolicyCommand):
    """Asks for a version to be asked beside the deciding one, without any effect."""

    TYPE = "governance.policy.shadow"
    version: Version


UnshadowCause = Literal["operator", "breaker", "bundle", "activated", "replaced"]
"""Who ends a shadow: a person; the engine, as it is late or fails, or cannot be loaded; another command."""


class UnshadowPolicy(_ExistingPolicyCommand):
    """Stops asking a policy's shadow version."""

    TYPE = "governance.policy.unshadow"
    version: Version | None = None
    reason: Text = ""
    cause: UnshadowCause = "operator"
    """Any other than ``operator`` needs the engine's authentication code."""


class ReportReplay(_ExistingPolicyCommand):
    """Engine-made: what the replay that an activation waits for has found, or why there was none."""

    TYPE = "governance.policy.report_replay"
    version: Version
    replay: Name
    """Event id of the request."""
    error: Text
    """Why there is no report; empty where there is one."""
    report: ReplayReport | None
