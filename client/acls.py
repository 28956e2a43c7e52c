"""Who may do what on Kafka, derived from the producers and consumers of ``topics.yaml``.

One principal per process. Only ALLOW rules are made: Kafka's authorizer refuses what no rule allows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from schemas.topics import Topics

PRINCIPALS: Final = "User:aumos-{service}"
"""Principal of each process; a cluster with other names gives its own pattern."""

GROUPS: Final = "aumos-{service}"
"""A process's consumer groups start with this; the rule covers the prefix."""


class Resource(IntEnum):
    """Kafka's ``ResourceType`` codes."""

    TOPIC = 2
    GROUP = 3


class Pattern(IntEnum):
    """Kafka's ``PatternType`` codes."""

    LITERAL = 3
    PREFIXED = 4


class Operation(IntEnum):
    """Kafka's ``AclOperation`` codes."""

    READ = 3
    WRITE = 4
    DESCRIBE = 8


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One ALLOW rule for every host."""

    principal: str
    operation: Operation
    resource: Resource
    pattern: Pattern
    name: str

    def __str__(self) -> str:
        star = "*" if self.pattern is Pattern.PREFIXED else ""
        return f"{self.principal} {self.operation.name} {self.resource.name.lower()} {self.name}{star}"

    def kafka_acls(self) -> str:
        """The same rule as arguments of Kafka's ``kafka-acls.sh``."""
        return (
            f"--add --allow-principal {self.principal} --operation {self.operation.name.capitalize()} "
            f"--{self.resource.name.lower()} {self.name} --resource-pattern-type {self.pattern.name.lower()}"
        )


def grants(topics: Topics, principals: str = PRINCIPALS, groups: str = GROUPS) -> frozenset[Grant]:
    """Every rule that the topics need."""
    return frozenset(_grants(topics, principals, groups))


def _grants(topics: Topics, principals: str, groups: str) -> Iterator[Grant]:
    for topic in topics.all:
        for service in topic.producers:
            for operation in (Operation.WRITE, Operation.DESCRIBE):
                yield _on_topic(principals.format(service=service), operation, topic.name)
        for service in topic.consumers:
            principal = principals.format(service=service)
            for operation in (Operation.READ, Operation.DESCRIBE):
                yield _on_topic(principal, operation, topic.name)
            group = groups.format(service=service)
            yield Grant(principal, Operation.READ, Resource.GROUP, Pattern.PREFIXED, group)


def _on_topic(principal: str, operation: Operation, topic: str) -> Grant:
    return Grant(principal, operation, Resource.TOPIC, Pattern.LITERAL, topic)
