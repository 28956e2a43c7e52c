"""Where everything is: the addresses of one stack, native or in compose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devstack import artifacts
from devstack.servers import kafka, postgres, s3


@dataclass(frozen=True, slots=True)
class Addresses:
    """As the product's processes see them: `…_listen` is host:port to bind, `…_url` is how to reach it.

    `opa_program` is the OPA binary, which checks policies when they are submitted.
    """

    kafka: str
    primary: str
    audit: str
    opa_urls: tuple[str, ...]
    opa_program: str
    s3_url: str
    bundle_listen: str
    bundle_url: str
    sink_api_listen: str
    sink_api_url: str
    api_listen: str
    api_url: str
    notary_state: str
    metrics_listen: Mapping[str, str]


def port_names(opas: tuple[str, ...], processes: tuple[str, ...]) -> tuple[str, ...]:
    """Every port of a native stack, named `component` or `component:purpose`."""
    return (
        kafka.NAME,
        f"{kafka.NAME}:controller",
        postgres.PRIMARY,
        postgres.AUDIT,
        *opas,
        *(f"{s3.NAME}:{option}" for option in s3.PORT_OPTIONS),
        "bundles",
        "sink-api",
        "api",
        *(f"{process}:metrics" for process in processes),
    )


def native_addresses(ports: Mapping[str, int], opas: tuple[str, ...], notary_state: str) -> Addresses:
    """The addresses on 127.0.0.1 that the ports of `port_names` give; `notary_state` is a file."""

    def at(name: str) -> str:
        return f"127.0.0.1:{ports[name]}"

    return Addresses(
        kafka=at(kafka.NAME),
        primary=at(postgres.PRIMARY),
        audit=at(postgres.AUDIT),
        opa_urls=tuple(f"http://{at(name)}" for name in opas),
        opa_program=str(artifacts.opa_binary()),
        s3_url=f"http://{at(f'{s3.NAME}:s3.port')}",
        bundle_listen=at("bundles"),
        bundle_url=f"http://{at('bundles')}",
        sink_api_listen=at("sink-api"),
        sink_api_url=f"http://{at('sink-api')}",
        api_listen=at("api"),
        api_url=f"http://{at('api')}",
        notary_state=notary_state,
        metrics_listen={
            name.removesuffix(":metrics"): at(name) for name in ports if name.endswith(":metrics")
        },
    )
