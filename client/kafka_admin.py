"""A cluster's topics and access rules through aiokafka.

aiokafka's admin client has no access-rule calls, but its protocol module has their requests; they go
through the same connection.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import BrokerResponseError, KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest, DescribeAclsRequest

from client.acls import Grant, Operation, Pattern, Resource
from client.broker import Broker
from client.errors import ClusterRefused, Unreachable
from client.topics import Alter, Create, TopicFound

LEADERS_TIMEOUT_S: Final = 15.0
"""Longest wait for the leaders of a new topic: an election takes milliseconds, a broker's start seconds."""
LEADERS_POLL_S: Final = 0.05

_SET_ON_TOPIC: Final = 1  # ConfigSource.DYNAMIC_TOPIC_CONFIG
_SECURITY_DISABLED: Final = 54
_ANY: Final = 1
_ALLOW: Final = 3
_EVERY_HOST: Final = "*"


class KafkaClusterAdmin:
    """:class:`client.topics.ClusterAdmin` on a real cluster; made by :func:`kafka_admin`."""

    def __init__(self, admin: AIOKafkaAdminClient) -> None:
        self._admin = admin

    async def topics(self, named: Collection[str]) -> Mapping[str, TopicFound]:
        described = [topic for topic in await self._admin.describe_topics() if not topic["is_internal"]]
        present = {topic["topic"] for topic in described}
        settings = await self._settings(sorted(present & set(named)))
        found: dict[str, TopicFound] = {}
        for topic in described:
            effective, overrides = settings.get(topic["topic"], ({}, {}))
            replicas = {len(partition["replicas"]) for partition in topic["partitions"]}
            found[topic["topic"]] = TopicFound(
                len(topic["partitions"]), min(replicas, default=0), effective, overrides
            )
        return found

    async def create(self, change: Create) -> None:
        topic = NewTopic(
            change.topic, change.partitions, change.replication_factor, topic_configs=dict(change.settings)
        )
        answer = await self._admin.create_topics([topic])
        for _, code, message in answer.topic_errors:
            _raise_for(code, f"cannot create {change.topic}: {message}")
        await self._await_leaders(change.topic, change.partitions)

    async def alter(self, change: Alter) -> None:
        resource = ConfigResource(ConfigResourceType.TOPIC, change.topic, configs=dict(change.overrides))
        for answer in await self._admin.alter_configs([resource]):
            for code, message, *_ in answer.resources:
                _raise_for(code, f"cannot alter {change.topic}: {message}")

    async def grants(self) -> frozenset[Grant] | None:
        answer = await self._send(DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY))
        if answer.error_code == _SECURITY_DISABLED:
            return None
        _raise_for(answer.error_code, f"cannot read access rules: {answer.error_message}")
        return frozenset(
            Grant(principal, Operation(operation), Resource(kind), Pattern(pattern), name)
            for kind, name, pattern, rules in answer.resources
            for principal, host, operation, permission in rules
            if permission == _ALLOW
            and host == _EVERY_HOST
            and kind in set(Resource)
            and operation in set(Operation)
        )

    async def allow(self, grants: Sequence[Grant]) -> None:
        await asyncio.gather(*map(self._allow, grants))

    async def _allow(self, grant: Grant) -> None:
        request = CreateAclsRequest(
            grant.resource,
            grant.name,
            grant.pattern,
            grant.principal,
            _EVERY_HOST,
            grant.operation,
            _ALLOW,
        )
        answer = await self._send(request)
        for code, message in answer.creation_responses:
            _raise_for(code, f"cannot allow {grant}: {message}")

    async def _settings(self, names: Sequence[str]) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
        if not names:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        settings: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        for answer in await self._admin.describe_configs(resources):
            for code, message, _, name, entries in answer.resources:
                _raise_for(code, f"cannot read the settings of {name}: {message}")
                effective = {entry[0]: entry[1] for entry in entries}
                overrides = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_TOPIC}
                settings[name] = effective, overrides
        return settings

    async def _await_leaders(self, name: str, partitions: int) -> None:
        async with asyncio.timeout(LEADERS_TIMEOUT_S):
            while True:
                (topic,) = await self._admin.describe_topics([name])
                leaders = [p for p in topic["partitions"] if p["leader"] >= 0]
                if len(leaders) == partitions:
                    return
                await asyncio.sleep(LEADERS_POLL_S)

    async def _send(self, request: object) -> Any:
        return await self._admin._send_to_controller(request)  # noqa: SLF001 - aiokafka has no public door


@asynccontextmanager
async def kafka_admin(broker: Broker) -> AsyncIterator[KafkaClusterAdmin]:
    """An administrator's connection; raises :class:`Unreachable` and :class:`ClusterRefused`."""
    admin = AIOKafkaAdminClient(**broker.options(), client_id="governance-cli")
    try:
        await admin.start()
        yield KafkaClusterAdmin(admin)
    except BrokerResponseError as error:
        if error.retriable:
            raise Unreachable(f"Kafka at {broker.bootstrap} is not ready: {error}") from error
        raise ClusterRefused(f"Kafka at {broker.bootstrap}: {error}") from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unreachable(f"Kafka at {broker.bootstrap}: {error or type(error).__name__}") from error
    finally:
        await admin.close()


def _raise_for(code: int, message: str) -> None:
    if code:
        raise for_code(code)(message)
