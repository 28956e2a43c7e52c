"""OPA, one or more processes, each with a bundle of its own from the bundle service."""

from __future__ import annotations

import json
import os
from functools import partial

from devstack import artifacts
from devstack.component import Component
from devstack.files import write_atomically
from devstack.layout import Layout
from devstack.servers.http_check import answers_ok
from devstack.servers.opa_config import opa_config, run_arguments
from devstack.settings import INFRASTRUCTURE_READY_SECONDS, OPA_GOGC
from devstack.steps import Steps


def opa(layout: Layout, name: str, port: int, bundle_service_url: str, processes: int) -> Component:
    """The process `name` on 127.0.0.1:`port`. Ready means it answers; bundles come with their service.

    Of `processes` on this machine each uses its share of the cores, so that one which compiles a bundle
    leaves some to the others.
    """
    cores = max(1, (os.cpu_count() or 1) // processes)
    return Component(
        name=name,
        kind="infrastructure",
        address=f"http://127.0.0.1:{port}",
        port=port,
        log=layout.log(name),
        folder=layout.root,
        prepare=partial(_prepare, layout, name, port, bundle_service_url),
        check=partial(answers_ok, f"http://127.0.0.1:{port}/health"),
        identity=f"{bundle_service_url}, {cores} cores",
        ready_seconds=INFRASTRUCTURE_READY_SECONDS,
        environment={key: os.environ[key] for key in ("PATH", "HOME", "TZ") if key in os.environ}
        | {"GOGC": OPA_GOGC, "GOMAXPROCS": str(cores)},
    )


def _prepare(layout: Layout, name: str, port: int, bundle_service_url: str, steps: Steps) -> tuple[str, ...]:
    program = artifacts.opa(steps)
    data = layout.data(name)
    data.mkdir(mode=0o700, exist_ok=True)
    config_file = layout.config / f"{name}.json"
    config = opa_config(name, bundle_service_url, str(data))
    write_atomically(config_file, json.dumps(config, indent=1) + "\n")
    return (str(program), *run_arguments(f"127.0.0.1:{port}"), "--config-file", str(config_file))
