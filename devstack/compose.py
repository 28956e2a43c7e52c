"""docker-compose.yml, made from the same tables and settings as the native stack.

`python -m devstack compose > docker-compose.yml` writes it; a test fails when the committed file differs.
"""

from __future__ import annotations

from typing import Final

import yaml

from devstack import product
from devstack.addresses import Addresses
from devstack.compose_parts import Document, health, limits, loopback, secret_references
from devstack.compose_servers import BUNDLE_URL, OPA_DATA, servers
from devstack.environment import Source, process_environment

IMAGE: Final = "aumos-governance-engine:local"
_HEADER: Final = """\
# The whole system from official images. Made by `python -m devstack compose`: change devstack/, not this.
#
#   python -m devstack compose-secrets > .env      # once: passwords and keys
#   docker compose up --build --detach --wait
#
# Ports are published on 127.0.0.1 only.
"""

_LISTEN_PORTS: Final = {"bundles": 8282, "sink-api": 8090, "api": 8000}
_METRICS_PORT: Final = 9100
_SCRATCH: Final = "/tmp"  # noqa: S108  the container's own, in memory
# What must have ended well, or be healthy, before a service starts.
_ENDED: Final = "service_completed_successfully"
_HEALTHY: Final = "service_healthy"
_AFTER: Final[dict[str, dict[str, str]]] = {
    "migrations": {"postgres": _HEALTHY},
    "audit-migrations": {"postgres-audit": _HEALTHY},
    "topics": {"kafka": _HEALTHY},
    "bucket": {"s3": _HEALTHY},
    "worker": {"migrations": _ENDED, "topics": _ENDED},
    "bundles": {"migrations": _ENDED, "topics": _ENDED},
    "background": {"migrations": _ENDED, "topics": _ENDED, "bucket": _ENDED},
    "replay": {"migrations": _ENDED, "topics": _ENDED},
    "sink": {"audit-migrations": _ENDED, "topics": _ENDED},
    "notary": {"audit-migrations": _ENDED, "bucket": _ENDED},
    "sink-api": {"audit-migrations": _ENDED},
    "api": {"migrations": _ENDED, "topics": _ENDED, "bucket": _ENDED},
}
# Only these reach the audit database.
_NETWORKS: Final = {
    "audit-migrations": ["audit"],
    "sink": ["main", "audit"],
    "notary": ["main", "audit"],
    "sink-api": ["main", "audit"],
}


def compose_addresses(opas: tuple[str, ...], processes: tuple[str, ...]) -> Addresses:
    """Addresses by service name, all interfaces of each container."""

    def listen(port: int) -> str:
        return f"0.0.0.0:{port}"  # inside a container; published on 127.0.0.1 only

    return Addresses(
        kafka="kafka:9092",
        primary="postgres:5432",
        audit="postgres-audit:5432",
        opa_urls=tuple(f"http://{name}:8181" for name in opas),
        opa_program="/usr/local/bin/opa",
        s3_url="http://s3:8333",
        bundle_listen=listen(_LISTEN_PORTS["bundles"]),
        bundle_url=BUNDLE_URL,
        sink_api_listen=listen(_LISTEN_PORTS["sink-api"]),
        sink_api_url=f"http://sink-api:{_LISTEN_PORTS['sink-api']}",
        api_listen=listen(_LISTEN_PORTS["api"]),
        api_url=f"http://api:{_LISTEN_PORTS['api']}",
        notary_state=f"{OPA_DATA}/last-note",
        metrics_listen=dict.fromkeys(processes, listen(_METRICS_PORT)),
    )


def compose(opa_count: int = 1, workers: int = 1) -> Document:
    """The compose document."""
    opas = tuple(f"opa-{number}" for number in range(opa_count))
    instances = product.instances(workers)
    addresses = compose_addresses(opas, tuple(name for name, _ in instances))
    steps = {step.name: ("python", *step.arguments) for step in product.STEPS}
    steps["bucket"] = ("python", "-m", "devstack.servers.bucket")
    return {
        "name": "aumos-governance",
        "services": {
            **servers(opas),
            **{f"{name}-volume": _opa_volume(name) for name in opas},
            **{name: _step(name, command, addresses) for name, command in steps.items()},
            **{name: _process(name, process, addresses) for name, process in instances},
        },
        "networks": {"main": {}, "audit": {"internal": True}},
        "volumes": {
            f"{name}-data": {} for name in ("kafka", "postgres", "postgres-audit", "s3", "notary", *opas)
        },
    }


class _Dumper(yaml.SafeDumper):
    """Short lists on one line, long texts as blocks."""


def _represent_list(dumper: yaml.SafeDumper, values: list[object]) -> yaml.Node:
    flat = all(isinstance(value, str) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flat)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(str, _represent_text)


def render(document: Document) -> str:
    """The document as the text of docker-compose.yml."""
    return _HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)


def _product(name: str, command: tuple[str, ...], environment: dict[str, str]) -> Document:
    """What every container of the product's image has: no root, nothing writable but /tmp."""
    return {
        "image": IMAGE,
        "build": {"context": "."},
        "command": list(command),
        "environment": {**environment},
        "user": "1000:1000",
        "read_only": True,
        "tmpfs": [_SCRATCH],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "init": True,
        "networks": [*_NETWORKS.get(name, ["main"])],
        "depends_on": {other: {"condition": condition} for other, condition in _AFTER.get(name, {}).items()},
    }


def _step(name: str, command: tuple[str, ...], addresses: Addresses) -> Document:
    environment = process_environment(name, Source(addresses, secret_references(), name))
    return {**_product(name, command, environment), "restart": "no", **limits("1.0", "512M")}


def _process(name: str, process: product.Process, addresses: Addresses) -> Document:
    environment = process_environment(process.name, Source(addresses, secret_references(), name))
    port = _LISTEN_PORTS.get(name, _METRICS_PORT)
    question = f"http://127.0.0.1:{port}/{process.check}"
    probe = f"from urllib.request import urlopen; urlopen('{question}', timeout=5)"
    container = _product(process.name, ("python", *process.arguments), environment)
    published: Document = {"ports": [loopback(port, port)]} if name in {"api", "sink-api"} else {}
    # The image has this folder with the right owner, which Docker gives to the empty volume.
    kept: Document = {"volumes": [f"{name}-data:{OPA_DATA}"]} if name == "notary" else {}
    return {
        **container,
        **published,
        **kept,
        "healthcheck": health(["CMD", "python", "-c", probe], interval=10),
        "stop_grace_period": "20s",
        "restart": "unless-stopped",
        **limits("2.0", "1G"),
    }


def _opa_volume(name: str) -> Document:
    """Gives an OPA's empty volume its owner, which Docker copies from the first container's image.

    OPA's own image has no such folder, and OPA does not run as root.
    """
    container = _product(f"{name}-volume", ("true",), {})
    return {**container, "volumes": [f"{name}-data:{OPA_DATA}"], "restart": "no", **limits("0.5", "64M")}
