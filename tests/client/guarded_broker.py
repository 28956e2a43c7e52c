"""A Kafka broker of its own that knows who connects (SASL/PLAIN) and checks access rules."""

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random

from client.broker import Broker
from devstack.artifacts import kafka_folder
from devstack.ports import is_free
from devstack.servers.kafka_settings import as_properties, broker_settings
from devstack.settings import PORT_RANGE
from devstack.toolchain import find_java

ADMIN = "admin"
START_S = 60.0


@contextmanager
def guarded_broker(folder: Path, users: Sequence[str]) -> Iterator[Broker]:
    """The broker, as its administrator sees it; each user's password is its name. Kafka's jars are there."""
    client, controller, internal = _free_ports(3)
    logins = " ".join(f'user_{name}="{name}"' for name in (ADMIN, *users))
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    settings = broker_settings(str(folder / "data"), "127.0.0.1", client, controller) | {
        "listeners": f"CLIENT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller},"
        f"INTERNAL://127.0.0.1:{internal}",
        "advertised.listeners": f"CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal}",
        "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT",
        "inter.broker.listener.name": "INTERNAL",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.client.plain.sasl.jaas.config": f"{module} {logins};",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # The broker and its controller speak to each other without a name.
        "super.users": f"User:{ADMIN};User:ANONYMOUS",
    }
    properties = folder / "server.properties"
    properties.write_text(as_properties(settings))
    program = [str(find_java()), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{kafka_folder()}/*"]
    form = ["format", "--standalone", "--cluster-id", "guarded-broker-of-tests", "--config", str(properties)]
    subprocess.run([*program, "kafka.tools.StorageTool", *form], check=True, capture_output=True, timeout=60)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*program, "kafka.Kafka", str(properties)], stdout=log, stderr=log)
    try:
        _await_port(client, process, folder / "log")
        yield named(Broker(f"127.0.0.1:{client}"), ADMIN)
    finally:
        process.kill()
        process.wait()


def named(broker: Broker, user: str) -> Broker:
    """The same broker as another user sees it."""
    return Broker(broker.bootstrap, "SASL_PLAINTEXT", "PLAIN", user, user)


def _free_ports(count: int) -> list[int]:
    """Below the ports of outgoing connections, one of which may take a port between here and the broker."""
    tried = Random().sample(PORT_RANGE, 100 * count)
    return list(islice(filter(is_free, tried), count))


def _await_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the broker ended:\n{log.read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the broker does not listen:\n{log.read_text()[-2000:]}")
