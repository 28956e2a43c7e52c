"""The broker's settings, shared by the native stack and docker-compose.yml."""

from __future__ import annotations

from collections.abc import Mapping

from devstack.settings import (
    KAFKA_BROKER_HEARTBEAT_MS,
    KAFKA_BROKER_SESSION_TIMEOUT_MS,
    KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS,
    KAFKA_MESSAGE_MAX_BYTES,
    KAFKA_OFFSETS_PARTITIONS,
)


def broker_settings(
    log_dirs: str, listen_host: str, client_port: int, controller_port: int
) -> dict[str, str]:
    """`server.properties` of one node that is broker and controller (KRaft), for clients on `client_port`.

    `listen_host` empty means all addresses. The advertised listener is not in it: it depends on who connects.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"CLIENT://{listen_host}:{client_port},CONTROLLER://{listen_host}:{controller_port}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": log_dirs,
        # Topics come from topics.yaml alone: a typing error must not make one.
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(KAFKA_MESSAGE_MAX_BYTES),
        "replica.fetch.max.bytes": str(KAFKA_MESSAGE_MAX_BYTES),
        # One node: internal topics have one replica.
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": str(KAFKA_OFFSETS_PARTITIONS),
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # A group starts at once, and a dead worker's lanes are given away soon.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": str(KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS),
        # A killed broker may come back once the controller has given up its predecessor.
        "broker.session.timeout.ms": str(KAFKA_BROKER_SESSION_TIMEOUT_MS),
        "broker.heartbeat.interval.ms": str(KAFKA_BROKER_HEARTBEAT_MS),
    }


def as_properties(settings: Mapping[str, str]) -> str:
    """The settings as a Java properties file, in the order given."""
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def as_image_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings as environment of the image `apache/kafka`: `.` is `_`, `_` is `__`, `-` is `___`."""
    return {
        "KAFKA_" + key.replace("_", "__").replace("-", "___").replace(".", "_").upper(): value
        for key, value in settings.items()
    }
