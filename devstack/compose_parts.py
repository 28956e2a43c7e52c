"""Small parts of a compose document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from devstack.credentials import Credentials

Document = dict[str, "str | int | bool | list[Document] | list[str] | Document | None"]

SECRET_PREFIX = "AUMOS_STACK_"  # noqa: S105  the name of a variable, not a secret


def secret(field: str) -> str:
    """A reference to the variable of `.env` with this secret; compose refuses to start without it."""
    return f"${{{SECRET_PREFIX}{field.upper()}:?see the head of docker-compose.yml}}"


def secret_references() -> Credentials:
    """Credentials whose every value is a reference."""
    return Credentials(**{each.name: secret(each.name) for each in fields(Credentials)})


def new_secrets() -> str:
    """Lines for `.env` with fresh secrets."""
    made = Credentials()
    names = (each.name for each in fields(Credentials))
    return "".join(f"{SECRET_PREFIX}{name.upper()}={getattr(made, name)}\n" for name in names)


def health(test: Sequence[str], interval: int = 5, retries: int = 24) -> Document:
    """A health check every `interval` seconds; unhealthy after `retries` failures."""
    return {
        "test": list(test),
        "interval": f"{interval}s",
        "timeout": "10s",
        "retries": retries,
        "start_period": "10s",
    }


def limits(cpus: str, memory: str) -> Document:
    """Upper bounds of one container."""
    return {"deploy": {"resources": {"limits": {"cpus": cpus, "memory": memory, "pids": 512}}}}


def loopback(host_port: int, port: int) -> str:
    """A container's port, reachable from this machine only."""
    return f"127.0.0.1:{host_port}:{port}"
