"""OPA's configuration and command line, shared by the native stack, docker-compose.yml and the tests."""

from __future__ import annotations

import json
from collections.abc import Iterator

from devstack.settings import OPA_LONG_POLLING_SECONDS, OPA_MAX_DELAY_SECONDS, OPA_MIN_DELAY_SECONDS

Json = dict[str, "str | int | float | bool | Json"]

# Long polling comes from the bundle service; decisions are logged as events, so OPA's own log stays off.
RUN_SWITCHES = ("--log-level", "error", "--skip-version-check")


def opa_config(instance: str, bundle_service_url: str, persistence_directory: str) -> Json:
    """The configuration of the process `instance` (for example `opa-0`).

    It fetches `/bundles/<instance>` from the bundle service by long polling, keeps the last bundle in
    `persistence_directory` to start from, and posts each activation to `/status/<instance>`.
    """
    return {
        "labels": {"instance": instance},
        "services": {"governance": {"url": bundle_service_url}},
        "persistence_directory": persistence_directory,
        "bundles": {
            "governance": {
                "service": "governance",
                "resource": f"/bundles/{instance}",
                "persist": True,
                "polling": {
                    "min_delay_seconds": OPA_MIN_DELAY_SECONDS,
                    "max_delay_seconds": OPA_MAX_DELAY_SECONDS,
                    "long_polling_timeout_seconds": OPA_LONG_POLLING_SECONDS,
                },
            }
        },
        "status": {"service": "governance", "partition_name": instance},
    }


def run_arguments(address: str) -> tuple[str, ...]:
    """Arguments of `opa` to serve on `address` (host:port); the configuration comes after them."""
    return ("run", "--server", "--addr", address, *RUN_SWITCHES)


def as_set_arguments(config: Json) -> tuple[str, ...]:
    """The configuration as `--set` arguments, for where no file can be mounted. Its values have no commas."""
    return tuple(part for line in _flat(config) for part in ("--set", line))


def _flat(config: Json, prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={json.dumps(value) if not isinstance(value, str) else value}"
