"""The servers' settings, shared by the native stack and docker-compose.yml."""

from __future__ import annotations

from pathlib import Path

from devstack.settings import POSTGRES_MAX_CONNECTIONS, POSTGRES_SHARED_BUFFERS


def initdb_arguments() -> tuple[str, ...]:
    """How a cluster is made: UTF-8, the built-in C.UTF-8 locale (sorts the same everywhere), SCRAM only."""
    return (
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--auth=scram-sha-256",
    )


def tuning() -> dict[str, str]:
    """What differs from PostgreSQL's defaults. `fsync` stays on: the tests are about what survives."""
    return {
        "shared_buffers": POSTGRES_SHARED_BUFFERS,
        "max_connections": str(POSTGRES_MAX_CONNECTIONS),
        "fsync": "on",
        "password_encryption": "scram-sha-256",
    }


def server_arguments(data: Path, port: int) -> tuple[str, ...]:
    """Arguments of `postgres` for a native server: loopback only, no socket file."""
    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""} | tuning()
    return ("-D", str(data), *(f"--{key}={value}" for key, value in settings.items()))
