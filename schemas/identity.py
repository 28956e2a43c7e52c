"""Identifiers, keys and partitions: every process computes the same ones from the same names."""

from functools import lru_cache
from typing import Final
from uuid import UUID, uuid5

import uuid_utils
from aiokafka.partitioner import murmur2

NAMESPACE: Final = UUID("8f1e4a52-6f0b-5c6e-9d2e-5a9f6c1d7b10")
"""Root of every uuid5 the engine makes. Changing it changes every event id: never."""

ENGINE_SOURCE: Final = "aumos-governance-engine"
"""``ce_source`` of events and of commands that the engine itself makes."""

OPERATOR_TENANT: Final = "aumos"
"""Tenant of events about the engine itself: lane commands and records without a readable tenant."""

MAX_NAME_CHARS: Final = 200
"""Bound of tenant ids, actor ids, resources and policy names; keeps keys and index rows small."""

_POSITIVE: Final = 0x7FFFFFFF


def new_command_id() -> str:
    """A UUID version 7 (RFC 9562), for commands made by clients."""
    return str(uuid_utils.uuid7())


def derived_command_id(*cause: str) -> str:
    """The id of an engine-made command: uuid5 of its cause, so that twice is once."""
    return str(uuid5(NAMESPACE, "command\x1f" + "\x1f".join(cause)))


def event_id(tenant: str, source: str, command_id: str, index: int) -> str:
    """The id of the ``index``-th event (from 0) of the command with this inbox key."""
    name = f"event\x1f{tenant}\x1f{source}\x1f{command_id}\x1f{index}"
    return str(uuid_utils.uuid5(_RUST_NAMESPACE, name))


def position_event_id(topic: str, partition: int, offset: int, index: int) -> str:
    """The id of an event about a record rather than a command: quarantine, conflicting repeat."""
    return str(uuid5(NAMESPACE, f"position\x1f{topic}\x1f{partition}\x1f{offset}\x1f{index}"))


@lru_cache(maxsize=65_536)
def policy_id(tenant: str, reference: str) -> str:
    """The id of a policy, from its name or from the id itself.

    A policy's name is its identity inside the tenant: one name, one aggregate, one lane, so that
    two creators of one name meet in one lane and no cross-lane uniqueness is needed.
    """
    try:
        return str(UUID(reference))
    except ValueError:
        return str(uuid5(NAMESPACE, f"policy\x1f{tenant}\x1f{reference}"))


@lru_cache(maxsize=65_536)
def decision_point_id(tenant: str, reference: str) -> str:
    """The id of a decision point, from its name or from the id itself; its name is its identity."""
    try:
        return str(UUID(reference))
    except ValueError:
        return str(uuid5(NAMESPACE, f"decision_point\x1f{tenant}\x1f{reference}"))


def object_key(tenant: str, evidence_id: str, sha256: str) -> str:
    """The key of an artifact in the evidence bucket; ``sha256`` is its hash in hex.

    A tenant id contains no slash, so that the first segment alone says whose object it is.
    """
    return f"{tenant}/{evidence_id}/{sha256}"


@lru_cache(maxsize=65_536)
def workflow_id(tenant: str, reference: str) -> str:
    """The id of a workflow, from its name or from the id itself; a name is an identity as a policy's is."""
    try:
        return str(UUID(reference))
    except ValueError:
        return str(uuid5(NAMESPACE, f"workflow\x1f{tenant}\x1f{reference}"))


def message_key(tenant: str, aggregate: str) -> bytes:
    """The Kafka key ``tenant/aggregate``, UTF-8."""
    return f"{tenant}/{aggregate}".encode()


@lru_cache(maxsize=65_536)
def partition_for(key: bytes, partitions: int) -> int:
    """The partition of a key: murmur2 as Kafka's Java client computes it."""
    return int((murmur2(key) & _POSITIVE) % partitions)


_RUST_NAMESPACE: Final = uuid_utils.UUID(str(NAMESPACE))
