"""A tenant's settings, from their file."""

from pathlib import Path

import pytest

from agents.tenant_settings import InvalidTenantSettings, TenantSettings, read_tenant_settings


def test_a_tenants_entry_replaces_single_settings_of_the_default(tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text("default: {minimum_coverage: 80}\ntenants: {acme: {four_eyes: true}}\n")
    settings = read_tenant_settings(str(file))
    assert settings.of("acme") == TenantSettings(four_eyes=True, minimum_coverage=80)
    assert settings.of("other") == TenantSettings(minimum_coverage=80)


def test_without_a_file_the_defaults_hold() -> None:
    assert read_tenant_settings("").of("acme") == TenantSettings()


@pytest.mark.parametrize(
    "text", ["tenants: {acme: {four_eye: true}}", "default: {minimum_coverage: 101}", "tenants: [", "- 1"]
)
def test_an_unusable_file_is_named_in_the_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text(text)
    with pytest.raises(InvalidTenantSettings, match=r"tenants\.yaml"):
        read_tenant_settings(str(file))
