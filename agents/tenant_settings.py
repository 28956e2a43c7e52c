"""What a tenant's owner settles about its policies: a YAML file, read when a process starts.

    default:
      minimum_coverage: 80
    tenants:
      acme:
        four_eyes: true

``default`` holds for every tenant; a tenant's own entry replaces single settings of it. A change takes
effect with the next start; what was decided before stays as its events say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.models import ReplayGate


class InvalidTenantSettings(Exception):
    """The file cannot be used; the text names the place."""


class TenantSettings(BaseModel):
    """One tenant's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    four_eyes: bool = False
    """A version is activated by another actor than its author."""

    minimum_coverage: Annotated[int, Field(ge=0, le=100)] = 0
    """Least share, in percent, of a submitted policy's lines that its own tests run; above 0, a version
    without tests is refused."""

    replay_gate: ReplayGate | None = None
    """A replay that every activation must pass, as ``{days: 7, flip_budget: 0}``; rollbacks are exempt."""

    restore_last_good: bool = False
    """When the engine suspends the active version, the version that decided before decides again."""

    personal_fields: Literal["mask", "encrypt"] = "mask"
    """What becomes of the input fields that policies declare personal: gone, or encrypted under a key of
    their subject, which can be destroyed."""

    personal_subject: Annotated[str, Field(pattern="^(/[^/]*)*$")] = ""
    """JSON Pointer to the subject's id in an input; empty, or where an input has none there: the resource."""

    override_hours: Annotated[int, Field(ge=0, le=8760)] = 24
    """Hours after a denial within which a second person may override it; 0 allows no override. A working day
    and a night: what is denied in the evening can be looked at the next morning."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    default: Annotated[dict[str, object], Field(default_factory=dict)]
    tenants: Annotated[dict[str, dict[str, object]], Field(default_factory=dict)]


@dataclass(frozen=True, slots=True)
class AllTenants:
    """The settings of every tenant."""

    default: TenantSettings
    own: Mapping[str, TenantSettings]

    @property
    def encrypting(self) -> bool:
        """Whether any tenant's personal fields are encrypted."""
        return any(each.personal_fields == "encrypt" for each in (self.default, *self.own.values()))

    def of(self, tenant: str) -> TenantSettings:
        """The settings that hold for a tenant."""
        return self.own.get(tenant, self.default)


NO_TENANT_SETTINGS: Final = AllTenants(TenantSettings(), {})


def read_tenant_settings(path: str) -> AllTenants:
    """The settings in a file; an empty path gives the defaults. Raises :class:`InvalidTenantSettings`."""
    if not path:
        return NO_TENANT_SETTINGS
    try:
        file = _File.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {})
        default = TenantSettings.model_validate(file.default)
        own = {
            tenant: TenantSettings.model_validate({**file.default, **settings})
            for tenant, settings in file.tenants.items()
        }
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise InvalidTenantSettings(f"{path}: {error}") from None
    return AllTenants(default, own)
