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
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


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

    restore_last_good: bool = False
    """When the engine suspends the active version, the version that decided before decides again."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    default: Annotated[dict[str, object], Field(default_factory=dict)]
    tenants: Annotated[dict[str, dict[str, object]], Field(default_factory=dict)]


@dataclass(frozen=True, slots=True)
class AllTenants:
    """The settings of every tenant."""

    default: TenantSettings
    own: Mapping[str, TenantSettings]

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
