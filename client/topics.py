"""Compares a cluster with ``topics.yaml`` and makes it so.

Partition counts are for ever (a lane is a partition number) and replicas are an operator's
reassignment: where they differ, nothing at all is changed. Settings that ``topics.yaml`` does not
name, topics that it does not know and access rules beyond it are reported and kept.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, assert_never

from client.acls import Grant
from client.errors import TopicsConflict
from schemas.topics import Defaults, Topic, Topics

PREFIX: Final = "governance."
"""Topics of this prefix that ``topics.yaml`` does not name are pointed out."""


@dataclass(frozen=True, slots=True)
class TopicFound:
    """A topic as the cluster has it."""

    partitions: int
    replication_factor: int
    settings: Mapping[str, str]
    """Every effective setting."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """The settings that were set on the topic itself."""


@dataclass(frozen=True, slots=True)
class Create:
    """A topic is missing."""

    topic: str
    partitions: int
    replication_factor: int
    settings: Mapping[str, str]
    action: Literal["create"] = "create"

    def __str__(self) -> str:
        return f"{self.topic}: {self.partitions} partitions, {self.replication_factor} replica(s)"


@dataclass(frozen=True, slots=True)
class Alter:
    """Settings of a topic differ; ``overrides`` is what the topic carries afterwards."""

    topic: str
    changes: Mapping[str, tuple[str, str]]
    """Setting to (found, wanted)."""
    overrides: Mapping[str, str]
    action: Literal["alter"] = "alter"

    def __str__(self) -> str:
        changes = (f"{name} {found} -> {wanted}" for name, (found, wanted) in sorted(self.changes.items()))
        return f"{self.topic}: {', '.join(changes)}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """What cannot be changed in place."""

    topic: str
    setting: Literal["partitions", "replication_factor"]
    found: int
    wanted: int
    action: Literal["conflict"] = "conflict"

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.found}, topics.yaml says {self.wanted}"


@dataclass(frozen=True, slots=True)
class Allow:
    """An access rule is missing."""

    grant: Grant
    action: Literal["allow"] = "allow"

    def __str__(self) -> str:
        return str(self.grant)


Change = Create | Alter | Conflict | Allow


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change, and what is only worth knowing."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    authorizer: bool
    """Whether the cluster checks access rules at all."""

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        return tuple(change for change in self.changes if isinstance(change, Conflict))


class ClusterAdmin(Protocol):
    """A cluster's topics and access rules. Every method raises :class:`client.errors.Unreachable`."""

    async def topics(self, named: Collection[str]) -> Mapping[str, TopicFound]:
        """Every topic that is not Kafka's own; only those of these names with their settings."""

    async def create(self, change: Create) -> None:
        """Creates a topic and returns when each partition has a leader."""

    async def alter(self, change: Alter) -> None:
        """Sets a topic's own settings to exactly ``change.overrides``."""

    async def grants(self) -> frozenset[Grant] | None:
        """The ALLOW rules for every host; None where the cluster has no authorizer."""

    async def allow(self, grants: Sequence[Grant]) -> None:
        """Adds rules; one that exists stays as it is."""


def settings_of(topic: Topic, defaults: Defaults) -> dict[str, str]:
    """The settings that ``topics.yaml`` states for a topic, by Kafka's names."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(topic.retention_ms),
        "max.message.bytes": str(defaults.max_message_bytes),
        "min.insync.replicas": str(defaults.min_insync_replicas),
    }


def plan(
    wanted: Topics,
    found: Mapping[str, TopicFound],
    rules: frozenset[Grant],
    found_rules: frozenset[Grant] | None,
) -> Plan:
    """What makes the cluster as wanted. Pure."""
    changes: list[Change] = []
    for topic in wanted.all:
        changes.extend(_topic_changes(topic, wanted.defaults, found.get(topic.name)))
    if found_rules is not None:
        changes.extend(Allow(grant) for grant in sorted(rules - found_rules))
    notes = [*_topic_notes(wanted, found), *_rule_notes(wanted, rules, found_rules or frozenset())]
    return Plan(tuple(changes), tuple(notes), found_rules is not None)


async def read_plan(admin: ClusterAdmin, wanted: Topics, rules: frozenset[Grant]) -> Plan:
    """Reads the cluster and compares."""
    found = await admin.topics([topic.name for topic in wanted.all])
    return plan(wanted, found, rules, await admin.grants())


async def apply(admin: ClusterAdmin, proposed: Plan) -> None:
    """Carries a plan out; raises :class:`TopicsConflict` before anything is changed."""
    if proposed.conflicts:
        raise TopicsConflict("; ".join(map(str, proposed.conflicts)))
    for change in proposed.changes:
        match change:
            case Create():
                await admin.create(change)
            case Alter():
                await admin.alter(change)
            case Allow() | Conflict():
                continue
            case _:
                assert_never(change)
    missing = [change.grant for change in proposed.changes if isinstance(change, Allow)]
    if missing:
        await admin.allow(missing)


def _topic_changes(topic: Topic, defaults: Defaults, found: TopicFound | None) -> Iterator[Change]:
    settings = settings_of(topic, defaults)
    if found is None:
        yield Create(topic.name, topic.partitions, defaults.replication_factor, settings)
        return
    if found.partitions != topic.partitions:
        yield Conflict(topic.name, "partitions", found.partitions, topic.partitions)
    if found.replication_factor != defaults.replication_factor:
        yield Conflict(
            topic.name, "replication_factor", found.replication_factor, defaults.replication_factor
        )
    different = {
        name: (found.settings.get(name, "unset"), value)
        for name, value in settings.items()
        if found.settings.get(name) != value
    }
    if different:
        yield Alter(topic.name, different, {**found.overrides, **settings})


def _topic_notes(wanted: Topics, found: Mapping[str, TopicFound]) -> Iterator[str]:
    known = {topic.name: settings_of(topic, wanted.defaults) for topic in wanted.all}
    for name in sorted(found):
        if name not in known:
            if name.startswith(PREFIX):
                yield f"{name}: not in topics.yaml, left alone"
            continue
        for setting in sorted(set(found[name].overrides) - set(known[name])):
            value = found[name].overrides[setting]
            yield f"{name}: {setting}={value} is set on the topic and not in topics.yaml, left alone"


def _rule_notes(wanted: Topics, rules: frozenset[Grant], found: frozenset[Grant]) -> Iterator[str]:
    ours = {topic.name for topic in wanted.all}
    for grant in sorted(found - rules):
        if grant.name in ours:
            yield f"{grant}: allowed beyond topics.yaml; kafka-acls --remove takes it away"
