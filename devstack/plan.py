"""What one stack consists of, kept in its state folder so that every later command means the same stack."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from devstack import product
from devstack.addresses import Addresses, native_addresses, port_names
from devstack.component import Component
from devstack.credentials import Credentials, load_or_create
from devstack.environment import ENVIRONMENT, Source, inherited, process_environment
from devstack.errors import StackAbsent, UnknownComponent
from devstack.files import write_atomically
from devstack.layout import Layout
from devstack.servers.bucket import Storage
from devstack.servers.kafka import kafka
from devstack.servers.opa import opa
from devstack.servers.postgres import AUDIT, PRIMARY, postgres
from devstack.servers.s3 import NAME as S3
from devstack.servers.s3 import PORT_OPTIONS, seaweedfs
from devstack.settings import AUDIT_DATABASE, PRIMARY_DATABASE


@dataclass(frozen=True, slots=True)
class Plan:
    """The shape of a stack: how many of what, on which ports, with which extra settings of its processes."""

    stack_id: str = field(default_factory=lambda: secrets.token_hex(8))
    processes: bool = False
    opas: int = 1
    workers: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)

    @property
    def opa_names(self) -> tuple[str, ...]:
        return tuple(f"opa-{number}" for number in range(self.opas))

    @property
    def process_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in product.instances(self.workers))

    @property
    def port_names(self) -> tuple[str, ...]:
        """The ports it needs; those of the processes too, so that OPA knows its bundle service beforehand."""
        return port_names(self.opa_names, self.process_names)

    def addresses(self, layout: Layout) -> Addresses:
        return native_addresses(self.ports, self.opa_names, str(layout.data("notary") / "last-note"))


def load(layout: Layout) -> Plan:
    """The plan in the state folder; `StackAbsent` when there is none."""
    try:
        content = json.loads(layout.state_file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StackAbsent(layout.root) from error
    return Plan(**content)


def save(layout: Layout, plan: Plan) -> None:
    """Keep the plan in the state folder."""
    write_atomically(layout.state_file, json.dumps(asdict(plan), indent=1) + "\n")


def with_options(
    plan: Plan, processes: bool, opas: int | None, workers: int | None, settings: Mapping[str, str] | None
) -> Plan:
    """The plan with what a caller asks for; None keeps what is there, and planned processes stay planned."""
    return replace(
        plan,
        processes=plan.processes or processes,
        opas=plan.opas if opas is None else opas,
        workers=plan.workers if workers is None else workers,
        settings=plan.settings if settings is None else dict(settings),
    )


def environment(layout: Layout, plan: Plan, process: str) -> dict[str, str]:
    """What the stack sets for a process, step or the command line; `worker` means `worker-0`."""
    name = "worker" if process in plan.process_names and process.startswith("worker-") else process
    instance = f"{process}-0" if process == "worker" else process
    if name not in ENVIRONMENT:
        raise UnknownComponent(process, tuple(ENVIRONMENT))
    return process_environment(name, Source(plan.addresses(layout), credentials(layout), instance))


def credentials(layout: Layout) -> Credentials:
    """The secrets of the stack."""
    return load_or_create(layout.secrets_file)


def full_environment(layout: Layout, plan: Plan, process: str) -> dict[str, str]:
    """The whole environment that a process of the product, or a step, is started with."""
    return {
        **inherited(),
        **plan.settings,
        **environment(layout, plan, process),
    }


def infrastructure(layout: Layout, plan: Plan) -> tuple[Component, ...]:
    """The servers; none needs another to start."""
    secret = credentials(layout)
    ports = plan.ports
    storage = Storage(plan.addresses(layout).s3_url, secret.s3_access_key, secret.s3_secret_key)
    s3_ports = {option: ports[f"{S3}:{option}"] for option in PORT_OPTIONS}
    return (
        kafka(layout, ports["kafka"], ports["kafka:controller"]),
        postgres(layout, PRIMARY, ports[PRIMARY], secret.postgres_password, PRIMARY_DATABASE),
        postgres(layout, AUDIT, ports[AUDIT], secret.audit_postgres_password, AUDIT_DATABASE),
        seaweedfs(layout, s3_ports, storage),
        *(
            opa(layout, name, ports[name], plan.addresses(layout).bundle_url, len(plan.opa_names))
            for name in plan.opa_names
        ),
    )


def processes(layout: Layout, plan: Plan) -> tuple[Component, ...]:
    """The product's own processes; empty in a plan of infrastructure only.

    A plan that an earlier version kept has no ports for processes that are new since: they are there from
    the next start on, which gives them some.
    """
    if not plan.processes:
        return ()
    return tuple(
        product.component(
            layout,
            name,
            kind,
            plan.addresses(layout),
            full_environment(layout, plan, name),
            _identity(layout, plan, name),
        )
        for name, kind in product.instances(plan.workers)
        if f"{name}:metrics" in plan.ports
    )


def _identity(layout: Layout, plan: Plan, process: str) -> str:
    """Digest of what the stack sets for a process: when it changes, a running one is out of date."""
    values = {**plan.settings, **environment(layout, plan, process)}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
