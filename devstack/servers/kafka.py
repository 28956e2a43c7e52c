"""Apache Kafka as one KRaft node: started from its jars, no scripts of its own."""

from __future__ import annotations

import asyncio
import functools
import os
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from devstack import artifacts
from devstack.component import Component, NotReady
from devstack.errors import PrerequisiteMissing
from devstack.files import fresh_partial, write_atomically
from devstack.layout import Layout
from devstack.servers.kafka_settings import as_properties, broker_settings
from devstack.settings import (
    CHECK_TIMEOUT_SECONDS,
    INFRASTRUCTURE_READY_SECONDS,
    JAVA_MINIMUM,
    KAFKA_HEAP,
)
from devstack.steps import Steps
from devstack.toolchain import INSTALL_TOOLCHAIN, find_java

NAME = "kafka"
CONTROLLER_PORT = "kafka-controller"
_JVM: Final = (f"-Xmx{KAFKA_HEAP}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For a broker that shares a few cores with the whole system: with the optimising compiler it takes
three quarters of a core in its first 25 s of load, and the bench's whole path is no slower without."""

_LOG4J = """\
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = CONSOLE
appender.console.type = Console
appender.console.name = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
logger.server.name = kafka.server
logger.server.level = INFO
"""


def kafka(layout: Layout, port: int, controller_port: int) -> Component:
    """The broker, for clients on 127.0.0.1:`port`."""
    return Component(
        name=NAME,
        kind="infrastructure",
        address=f"127.0.0.1:{port}",
        port=port,
        log=layout.log(NAME),
        folder=layout.root,
        prepare=functools.partial(_prepare, layout, port, controller_port),
        check=functools.partial(answers_metadata, f"127.0.0.1:{port}"),
        ready_seconds=INFRASTRUCTURE_READY_SECONDS,
        environment={key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ},
        grace_seconds=20.0,
    )


async def answers_metadata(address: str) -> None:
    """Raise `NotReady` until the broker at `address` answers a metadata request and names itself."""
    await _listens(address)
    client = AIOKafkaClient(
        bootstrap_servers=address,
        client_id="devstack-check",
        request_timeout_ms=int(CHECK_TIMEOUT_SECONDS * 1000),
    )
    try:
        await client.bootstrap()
        if not client.cluster.brokers():
            raise NotReady("no broker is registered yet")
    except (KafkaError, OSError) as error:
        raise NotReady(f"{type(error).__name__}: {error}") from error
    finally:
        await client.close()


async def _listens(address: str) -> None:
    """Ask the port first: the Kafka client logs an error for every refused connection."""
    host, _, port = address.partition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError as error:
        raise NotReady(f"not listening on {address}") from error
    writer.close()
    await writer.wait_closed()


def _prepare(layout: Layout, port: int, controller_port: int, steps: Steps) -> tuple[str, ...]:
    java = find_java()
    if java is None:
        raise PrerequisiteMissing(f"Java {JAVA_MINIMUM} or later, which runs Kafka,", INSTALL_TOOLCHAIN)
    jars = artifacts.kafka_jars(steps)
    data = layout.data(NAME)
    logging = layout.config / "kafka.log4j2.properties"
    write_atomically(logging, _LOG4J)
    program = (str(java), *_JVM, f"-Dlog4j2.configurationFile={logging}", "-cp", f"{jars}/*")
    settings = _settings(data, port, controller_port)
    if not data.is_dir():
        _format(program, layout, settings, steps)
    properties = layout.config / "kafka.properties"
    write_atomically(properties, as_properties(settings))
    return (*program, "kafka.Kafka", str(properties))


def _settings(data: Path, port: int, controller_port: int) -> dict[str, str]:
    return broker_settings(str(data), "127.0.0.1", port, controller_port) | {
        "advertised.listeners": f"CLIENT://127.0.0.1:{port}",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
    }


def _format(program: tuple[str, ...], layout: Layout, settings: dict[str, str], steps: Steps) -> None:
    steps.note("formatting")
    data = layout.data(NAME)
    partial = fresh_partial(data)
    properties = layout.config / "kafka.format.properties"
    write_atomically(properties, as_properties(settings | {"log.dirs": str(partial)}))
    # One word: an id may begin with a dash.
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    arguments = ("format", "--standalone", f"--cluster-id={cluster}", "--config", str(properties))
    command = (*program, "kafka.tools.StorageTool", *arguments)
    steps.run("Kafka format", command, dict(os.environ), layout.root)
    partial.rename(data)
