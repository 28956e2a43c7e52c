"""The servers in docker-compose.yml: official images with the settings of the native stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from devstack.compose_parts import Document, health, limits, loopback, secret
from devstack.servers.kafka_settings import as_image_environment, broker_settings
from devstack.servers.opa_config import as_set_arguments, opa_config, run_arguments
from devstack.servers.postgres_settings import initdb_arguments, tuning
from devstack.servers.s3 import SWITCHES
from devstack.settings import (
    AUDIT_DATABASE,
    KAFKA_HEAP,
    KAFKA_VERSION,
    OPA_GOGC,
    OPA_VERSION,
    POSTGRES_MAJOR,
    POSTGRES_SUPERUSER,
    PRIMARY_DATABASE,
    SEAWEEDFS_VERSION,
)

KAFKA_DATA: Final = "/var/lib/kafka/data"
OPA_DATA: Final = "/var/lib/opa"
# Constant, so that a new container accepts the volume of an old one.
KAFKA_CLUSTER_ID: Final = "YXVtb3MtZ292ZXJuYW5jZQ"
BUNDLE_URL: Final = "http://bundles:8282"
_CLIENT_PORT: Final = 9092
_CONTROLLER_PORT: Final = 9093
_HOST_PORT: Final = 29092


def compose_broker_settings() -> dict[str, str]:
    """The native settings, but with one listener for containers and one for the host."""
    settings = broker_settings(KAFKA_DATA, "", _CLIENT_PORT, _CONTROLLER_PORT)
    return settings | {
        "listeners": f"{settings['listeners']},HOST://:{_HOST_PORT}",
        "listener.security.protocol.map": f"{settings['listener.security.protocol.map']},HOST:PLAINTEXT",
        "advertised.listeners": f"CLIENT://kafka:{_CLIENT_PORT},HOST://127.0.0.1:{_CLIENT_PORT}",
        # One voter for ever: the image's format step knows static voters in every version.
        "controller.quorum.voters": f"1@127.0.0.1:{_CONTROLLER_PORT}",
    }


def kafka() -> Document:
    """The broker."""
    ask = "/opt/kafka/bin/kafka-broker-api-versions.sh"
    check = ["CMD", ask, "--bootstrap-server", f"kafka:{_CLIENT_PORT}"]
    return {
        "image": f"apache/kafka:{KAFKA_VERSION}",
        "environment": {
            "CLUSTER_ID": KAFKA_CLUSTER_ID,
            "KAFKA_HEAP_OPTS": f"-Xmx{KAFKA_HEAP}",
            **as_image_environment(compose_broker_settings()),
        },
        "ports": [loopback(_CLIENT_PORT, _HOST_PORT)],
        "volumes": [f"kafka-data:{KAFKA_DATA}"],
        "networks": ["main"],
        "healthcheck": health(check, interval=10, retries=12),
        "stop_grace_period": "30s",
        "restart": "unless-stopped",
        **limits(cpus="2.0", memory="1280M"),
    }


def postgres(name: str, database: str, password_field: str, network: str) -> Document:
    """One PostgreSQL server with one database."""
    settings = [part for key, value in tuning().items() for part in ("-c", f"{key}={value}")]
    return {
        "image": f"postgres:{POSTGRES_MAJOR}",
        "command": ["postgres", *settings],
        "environment": {
            "POSTGRES_USER": POSTGRES_SUPERUSER,
            "POSTGRES_PASSWORD": secret(password_field),
            "POSTGRES_DB": database,
            "POSTGRES_INITDB_ARGS": " ".join(initdb_arguments()),
        },
        # From 18 on the image keeps its data in a folder per major version below this one.
        "volumes": [f"{name}-data:/var/lib/postgresql"],
        "networks": [network],
        "healthcheck": health(["CMD", "pg_isready", "-U", POSTGRES_SUPERUSER, "-d", database]),
        "shm_size": "256mb",
        "stop_signal": "SIGINT",
        "stop_grace_period": "30s",
        "restart": "unless-stopped",
        **limits(cpus="2.0", memory="1G"),
    }


def s3() -> Document:
    """SeaweedFS. Its name is its identity, since a container's address changes."""
    return {
        "image": f"chrislusf/seaweedfs:{SEAWEEDFS_VERSION}",
        "command": ["mini", "-dir=/data", "-ip=s3", "-ip.bind=0.0.0.0", *SWITCHES],
        "environment": {
            "AWS_ACCESS_KEY_ID": secret("s3_access_key"),
            "AWS_SECRET_ACCESS_KEY": secret("s3_secret_key"),
        },
        "ports": [loopback(8333, 8333)],
        "volumes": ["s3-data:/data"],
        "networks": ["main"],
        "healthcheck": health(["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8333/healthz"]),
        "restart": "unless-stopped",
        **limits(cpus="1.0", memory="512M"),
    }


def opa(instance: str, port: int) -> Document:
    """One OPA process. The image has no shell, so OPA itself asks for its health."""
    health_url = "http://127.0.0.1:8181/health"
    question = f'x := http.send({{"method": "get", "url": "{health_url}"}}).status_code; x == 200'
    # Not as a mounted file: compose cannot put one into a container with a read-only root.
    config = as_set_arguments(opa_config(instance, BUNDLE_URL, OPA_DATA))
    return {
        "image": f"openpolicyagent/opa:{OPA_VERSION}-static",
        "command": [*run_arguments("0.0.0.0:8181"), *config],
        "environment": {"GOGC": OPA_GOGC},
        "user": "1000:1000",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "ports": [loopback(port, 8181)],
        "volumes": [f"{instance}-data:{OPA_DATA}"],
        "networks": ["main"],
        "depends_on": {f"{instance}-volume": {"condition": "service_completed_successfully"}},
        "healthcheck": health(["CMD", "/opa", "eval", "--fail", question]),
        "restart": "unless-stopped",
        **limits(cpus="2.0", memory="1G"),
    }


def servers(opas: tuple[str, ...]) -> Mapping[str, Document]:
    """Every server by its service name, which is the name of the native component."""
    return {
        "kafka": kafka(),
        "postgres": postgres("postgres", PRIMARY_DATABASE, "postgres_password", "main"),
        "postgres-audit": postgres("postgres-audit", AUDIT_DATABASE, "audit_postgres_password", "audit"),
        "s3": s3(),
        **{name: opa(name, 8181 + number) for number, name in enumerate(opas)},
    }
