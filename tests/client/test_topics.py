"""The cluster against ``topics.yaml``: what is planned, what is done, and what never is."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from client.acls import Grant, Operation, Pattern, Resource, grants
from client.broker import Broker
from client.errors import ClusterRefused, TopicsConflict, Unreachable
from client.kafka_admin import kafka_admin
from client.memory_cluster import InMemoryCluster
from client.topics import (
    Alter,
    ClusterAdmin,
    Conflict,
    Create,
    TopicFound,
    apply,
    plan,
    read_plan,
    settings_of,
)
from schemas.topics import FILE, Topics, read_topics

WANTED = read_topics(FILE.read_text())
RULES = grants(WANTED)
FIRST = WANTED.all[0]


def as_wanted() -> dict[str, TopicFound]:
    """A cluster as topics.yaml says."""
    return {
        topic.name: TopicFound(
            topic.partitions, 1, settings_of(topic, WANTED.defaults), settings_of(topic, WANTED.defaults)
        )
        for topic in WANTED.all
    }


def test_an_empty_cluster_needs_every_topic() -> None:
    proposed = plan(WANTED, {}, RULES, None)
    assert [c.topic for c in proposed.changes if isinstance(c, Create)] == [t.name for t in WANTED.all]
    assert len(proposed.changes) == len(WANTED.all)


def test_a_cluster_as_wanted_needs_nothing() -> None:
    assert plan(WANTED, as_wanted(), RULES, RULES).changes == ()


def test_drifted_settings_are_set_and_others_of_the_topic_kept() -> None:
    found = as_wanted()
    own = {**found[FIRST.name].settings, "retention.ms": "1000", "segment.bytes": "1048576"}
    found[FIRST.name] = replace(found[FIRST.name], settings=own, overrides=own)
    proposed = plan(WANTED, found, RULES, None)
    (change,) = proposed.changes
    assert isinstance(change, Alter)
    assert change.changes == {"retention.ms": ("1000", str(FIRST.retention_ms))}
    assert change.overrides == {**own, "retention.ms": str(FIRST.retention_ms)}
    assert "segment.bytes=1048576" in proposed.notes[0]


@pytest.mark.parametrize(("setting", "counts"), [("partitions", (5, 1)), ("replication_factor", (4, 3))])
def test_a_partition_or_replica_count_is_a_conflict(setting: str, counts: tuple[int, int]) -> None:
    cluster = as_wanted()
    cluster[FIRST.name] = TopicFound(*counts, cluster[FIRST.name].settings)
    (change,) = plan(WANTED, cluster, RULES, None).changes
    assert isinstance(change, Conflict)
    assert change.setting == setting


async def test_a_conflict_leaves_everything_as_it_is() -> None:
    cluster = InMemoryCluster()
    cluster.found = {FIRST.name: TopicFound(5, 1, {}, {})}
    proposed = await read_plan(cluster, WANTED, RULES)
    with pytest.raises(TopicsConflict, match="partitions is 5"):
        await apply(cluster, proposed)
    assert cluster.found == {FIRST.name: TopicFound(5, 1, {}, {})}


def test_a_topic_of_ours_that_the_file_does_not_know_is_pointed_out() -> None:
    found = {**as_wanted(), "governance.old.v1": TopicFound(1, 1, {}), "others": TopicFound(1, 1, {})}
    proposed = plan(WANTED, found, RULES, None)
    assert proposed.changes == ()
    assert proposed.notes == ("governance.old.v1: not in topics.yaml, left alone",)


def test_missing_rules_are_made_and_further_ones_pointed_out() -> None:
    further = Grant("User:someone", Operation.WRITE, Resource.TOPIC, Pattern.LITERAL, FIRST.name)
    elsewhere = replace(further, name="others")
    missing = min(RULES)
    proposed = plan(WANTED, as_wanted(), RULES, (RULES - {missing}) | {further, elsewhere})
    assert [str(change) for change in proposed.changes] == [str(missing)]
    assert [note.startswith(str(further)) for note in proposed.notes] == [True]


def test_a_cluster_without_authorizer_gets_no_rules() -> None:
    proposed = plan(WANTED, as_wanted(), RULES, None)
    assert proposed.changes == ()
    assert not proposed.authorizer


def test_only_producers_write_and_only_consumers_read() -> None:
    for topic in WANTED.all:
        writers = {g.principal for g in RULES if g.name == topic.name and g.operation is Operation.WRITE}
        readers = {g.principal for g in RULES if g.name == topic.name and g.operation is Operation.READ}
        assert writers == {f"User:aumos-{service}" for service in topic.producers}
        assert readers == {f"User:aumos-{service}" for service in topic.consumers}


def test_a_rule_reads_as_arguments_of_kafkas_own_tool() -> None:
    grant = Grant("User:aumos-sink", Operation.READ, Resource.GROUP, Pattern.PREFIXED, "aumos-sink")
    assert grant.kafka_acls() == (
        "--add --allow-principal User:aumos-sink --operation Read "
        "--group aumos-sink --resource-pattern-type prefixed"
    )


Admin = Callable[[], AbstractAsyncContextManager[ClusterAdmin]]


class ClusterContract(ABC):
    """What every :class:`ClusterAdmin` keeps; ``wanted`` are topics of its own."""

    @pytest.fixture
    @abstractmethod
    def admin(self) -> object: ...

    @pytest.fixture
    def wanted(self) -> Topics:
        prefix = f"contract-{uuid4().hex[:8]}"
        topics = tuple(replace(topic, name=f"{prefix}.{topic.name}") for topic in WANTED.all[:2])
        return replace(WANTED, all=topics)

    async def test_what_is_applied_is_found(self, admin: Admin, wanted: Topics) -> None:
        async with admin() as cluster:
            proposed = await read_plan(cluster, wanted, frozenset())
            assert [change.action for change in proposed.changes] == ["create", "create"]
            await apply(cluster, proposed)
            assert (await read_plan(cluster, wanted, frozenset())).changes == ()

    async def test_altering_sets_what_is_wanted_and_keeps_the_rest(
        self, admin: Admin, wanted: Topics
    ) -> None:
        topic = wanted.all[0]
        settings = {**settings_of(topic, wanted.defaults), "retention.ms": "1000", "segment.ms": "600000"}
        async with admin() as cluster:
            await cluster.create(Create(topic.name, topic.partitions, 1, settings))
            proposed = await read_plan(cluster, replace(wanted, all=(topic,)), frozenset())
            assert [str(change) for change in proposed.changes] == [
                f"{topic.name}: retention.ms 1000 -> {topic.retention_ms}"
            ]
            await apply(cluster, proposed)
            found = (await cluster.topics([topic.name]))[topic.name]
        assert found.settings["retention.ms"] == str(topic.retention_ms)
        assert found.overrides["segment.ms"] == "600000"

    async def test_another_partition_count_is_refused(self, admin: Admin, wanted: Topics) -> None:
        topic = wanted.all[0]
        async with admin() as cluster:
            await cluster.create(Create(topic.name, topic.partitions + 1, 1, {}))
            proposed = await read_plan(cluster, wanted, frozenset())
            with pytest.raises(TopicsConflict):
                await apply(cluster, proposed)
            assert wanted.all[1].name not in await cluster.topics([])


class TestInMemory(ClusterContract):
    @pytest.fixture
    def admin(self) -> Admin:
        cluster = InMemoryCluster()

        @asynccontextmanager
        async def connected() -> AsyncIterator[ClusterAdmin]:
            yield cluster

        return connected


class TestKafka(ClusterContract):
    @pytest.fixture
    async def admin(self, broker: Broker, wanted: Topics) -> AsyncIterator[Admin]:
        yield lambda: kafka_admin(broker)
        deleting = AIOKafkaAdminClient(**broker.options())
        await deleting.start()
        await deleting.delete_topics([topic.name for topic in wanted.all])
        await deleting.close()

    async def test_a_broker_without_authorizer_has_no_rules(self, broker: Broker) -> None:
        async with kafka_admin(broker) as cluster:
            assert await cluster.grants() is None

    async def test_a_setting_that_kafka_does_not_know_is_refused(
        self, broker: Broker, wanted: Topics
    ) -> None:
        with pytest.raises(ClusterRefused, match="no_such_setting"):
            async with kafka_admin(broker) as cluster:
                await cluster.create(Create(wanted.all[0].name, 1, 1, {"no_such_setting": "1"}))


async def test_a_broker_that_does_not_listen_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        async with kafka_admin(Broker("127.0.0.1:1")):
            pass
