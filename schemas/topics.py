"""``topics.yaml`` as values: what is said where, by whom, and for how long."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

Family = Literal["policy", "evaluation", "compliance", "evidence"]
FAMILIES: Final[tuple[Family, ...]] = ("policy", "evaluation", "compliance", "evidence")

FILE: Final = Path(__file__).parent.parent / "topics.yaml"

Compatibility = Literal["BACKWARD_TRANSITIVE", "FULL_TRANSITIVE"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Defaults(_Strict):
    """Settings of every topic."""

    replication_factor: int = Field(ge=1)
    min_insync_replicas: int = Field(ge=1)
    max_message_bytes: int = Field(ge=1_048_576)


class FamilyEntry(_Strict):
    """One family: a command topic and an event topic of the same partition count."""

    partitions: int = Field(ge=1)
    key: str
    commands: tuple[str, ...]
    events: tuple[str, ...]


class TopicEntry(_Strict):
    """One topic, or one topic per family where the name contains ``{family}``."""

    name: str
    partitions: int | None = None
    key: str | None = None
    retention_days: int = Field(ge=1)
    compatibility: Compatibility
    events: tuple[str, ...] = ()
    producers: tuple[str, ...]
    consumers: tuple[str, ...]


class TopicEntries(_Strict):
    """The three kinds of topic."""

    commands: TopicEntry
    events: TopicEntry
    receipts: TopicEntry


class TopicsFile(_Strict):
    """The whole of ``topics.yaml``."""

    defaults: Defaults
    families: Mapping[Family, FamilyEntry]
    lane_commands: tuple[str, ...]
    lane_events: tuple[str, ...]
    shared_events: tuple[str, ...]
    engine_made: tuple[str, ...]
    topics: TopicEntries


@dataclass(frozen=True, slots=True)
class Topic:
    """One concrete topic."""

    name: str
    partitions: int
    key: str
    retention_ms: int
    compatibility: Compatibility
    messages: tuple[str, ...]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topics:
    """Every concrete topic and the rules about message types."""

    all: tuple[Topic, ...]
    defaults: Defaults
    engine_made: frozenset[str]
    lane_commands: frozenset[str]

    def named(self, name: str) -> Topic:
        """The topic of that name; raises KeyError."""
        for topic in self.all:
            if topic.name == name:
                return topic
        raise KeyError(name)

    def commands(self, family: Family) -> Topic:
        """The command topic of a family."""
        return self.named(f"governance.{family}.commands.v1")

    def events(self, family: Family) -> Topic:
        """The event topic of a family."""
        return self.named(f"governance.{family}.events.v1")

    @property
    def receipts(self) -> Topic:
        """The topic of the sink's receipts."""
        return self.named("governance.audit.receipts.v1")

    def command_topic_of(self, message_type: str) -> Topic:
        """The topic that carries a command type other than a lane command; raises KeyError."""
        for family in FAMILIES:
            if message_type in self.commands(family).messages and message_type not in self.lane_commands:
                return self.commands(family)
        raise KeyError(message_type)


def family_of(topic: str) -> Family:
    """The family of a command or event topic; raises KeyError for another topic."""
    parts = topic.split(".")
    if len(parts) == 4 and parts[0] == "governance" and parts[1] in FAMILIES:
        return parts[1]
    raise KeyError(topic)


def event_topic_of(command_topic: str) -> str:
    """The event topic of the lane of a command topic."""
    return f"governance.{family_of(command_topic)}.events.v1"


def command_topic_for_events(event_topic: str) -> str:
    """The command topic of the lane of an event topic."""
    return f"governance.{family_of(event_topic)}.commands.v1"


@cache
def topics() -> Topics:
    """The topics of this checkout."""
    return read_topics(FILE.read_text())


def read_topics(text: str) -> Topics:
    """The topics of a ``topics.yaml``; raises pydantic's ValidationError."""
    file = TopicsFile.model_validate(yaml.safe_load(text))
    found: list[Topic] = []
    for family in FAMILIES:
        entry = file.families[family]
        said = (f"governance.{family}.{name}" for name in file.lane_events)
        events = (*entry.events, *said, *file.shared_events)
        for template, messages in (
            (file.topics.commands, (*entry.commands, *file.lane_commands)),
            (file.topics.events, events),
        ):
            name = template.name.format(family=family)
            found.append(_topic(template, name, entry.partitions, entry.key, messages))
    receipts = file.topics.receipts
    found.append(
        _topic(receipts, receipts.name, receipts.partitions or 1, receipts.key or "", receipts.events)
    )
    return Topics(tuple(found), file.defaults, frozenset(file.engine_made), frozenset(file.lane_commands))


def _topic(entry: TopicEntry, name: str, partitions: int, key: str, messages: tuple[str, ...]) -> Topic:
    return Topic(
        name=name,
        partitions=partitions,
        key=key,
        retention_ms=entry.retention_days * 86_400_000,
        compatibility=entry.compatibility,
        messages=messages,
        producers=entry.producers,
        consumers=entry.consumers,
    )
