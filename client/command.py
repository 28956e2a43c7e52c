"""A typed command as the record that goes to its lane. Pure but for the id and the time it is given."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import orjson

from client.errors import InvalidCommand, Unreachable
from client.transport import Outgoing
from schemas.codec import Body, WriterSchemas, encode
from schemas.documents import MAX_INPUT_BYTES, check_document
from schemas.envelope import MAX_COMMAND_BYTES, Envelope, envelope_of, headers_of
from schemas.errors import RegistryUnavailable, Unreadable
from schemas.identity import OPERATOR_TENANT, message_key, partition_for
from schemas.mac import engine_mac
from schemas.models import Command, Evaluate, LaneAddressed, LaneCommand
from schemas.topics import topics


class Registry(WriterSchemas, Protocol):
    """A schema registry to read and write Confluent framing with; see :mod:`schemas.confluent`."""

    def encode(self, message_type: str, body: Body) -> bytes:
        """The body in Confluent framing; raises :class:`RegistryUnavailable`."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: tenant, actor (``ce_actorid``), source (``ce_source``); operators have the engine key."""

    tenant: str
    actor: str
    source: str
    engine_key: bytes | None = None

    def __repr__(self) -> str:
        return f"Sender(tenant={self.tenant!r}, actor={self.actor!r}, source={self.source!r})"


@dataclass(frozen=True, slots=True)
class Options:
    """What is said about one command. ``time`` is RFC 3339 (:func:`schemas.envelope.timestamp`)."""

    command_id: str
    time: str
    expected_version: int | None = None
    correlation: str = ""
    causation: str = ""
    traceparent: str = ""
    tracestate: str = ""


def outgoing(
    command: Command, sender: Sender, options: Options, registry: Registry | None = None
) -> Outgoing:
    """The record of a command; raises :class:`InvalidCommand` for what the engine could not read.

    With a schema registry the body has Confluent framing (raises :class:`Unreachable` while it does
    not answer).

    A command goes to the partition of its key, or to the lane that it names; one about a lane itself
    goes in the name of the operator's tenant.
    """
    tenant = OPERATOR_TENANT if isinstance(command, LaneCommand) else sender.tenant
    key = message_key(tenant, command.aggregate(tenant))
    try:
        value = (registry.encode if registry else encode)(command.TYPE, command.model_dump())
        envelope = _envelope(command, sender, tenant, options)
        if command.TYPE in topics().engine_made:
            envelope = _signed(envelope, sender, value)
        headers = headers_of(envelope)
        envelope_of(headers)
    except RegistryUnavailable as error:
        raise Unreachable(str(error)) from error
    except (Unreadable, KeyError, ValueError, TypeError) as error:
        raise InvalidCommand(f"{command.TYPE}: {error}") from error
    if len(value) > MAX_COMMAND_BYTES:
        raise InvalidCommand(f"{command.TYPE}: {len(value)} bytes, at most {MAX_COMMAND_BYTES} are taken")
    if isinstance(command, LaneAddressed):
        return _to_lane(command, key, headers, value)
    topic = topics().command_topic_of(command.TYPE)
    return Outgoing(topic.name, partition_for(key, topic.partitions), key, headers, value)


def input_document(value: Mapping[str, object] | bytes) -> bytes:
    """A policy's input as UTF-8 JSON, checked as the engine will; raises :class:`InvalidCommand`."""
    try:
        data = value if isinstance(value, bytes) else orjson.dumps(dict(value))
        check_document(data)
    except (Unreadable, TypeError) as error:
        raise InvalidCommand(f"input: {error}") from error
    if len(data) > MAX_INPUT_BYTES:
        raise InvalidCommand(f"input: {len(data)} bytes, at most {MAX_INPUT_BYTES} are taken")
    return data


def evaluate_command(policy: str, data: bytes, resource: str, decision_point: str) -> Evaluate:
    """The evaluation of one input; raises :class:`InvalidCommand`."""
    try:
        return Evaluate(policy=policy, input=data, resource=resource, decision_point=decision_point)
    except ValueError as error:
        raise InvalidCommand(f"{Evaluate.TYPE}: {error}") from error


def _envelope(command: Command, sender: Sender, tenant: str, options: Options) -> Envelope:
    return Envelope(
        id=options.command_id,
        type=command.TYPE,
        source=sender.source,
        subject=command.subject(tenant),
        time=options.time,
        tenant=tenant,
        actor=sender.actor,
        correlation=options.correlation,
        causation=options.causation,
        expected_version=options.expected_version,
        traceparent=options.traceparent,
        tracestate=options.tracestate,
    )


def _signed(envelope: Envelope, sender: Sender, value: bytes) -> Envelope:
    if sender.engine_key is None:
        raise InvalidCommand(
            f"{envelope.type} is for operators: it needs the engine key (AUMOS_GOVERNANCE_ENGINE_KEY)"
        )
    return replace(envelope, mac=engine_mac(sender.engine_key, envelope, value))


def _to_lane(
    command: LaneAddressed, key: bytes, headers: tuple[tuple[str, bytes], ...], value: bytes
) -> Outgoing:
    try:
        topic = topics().named(command.topic)
    except KeyError:
        raise InvalidCommand(f"{command.topic!r} is no topic of topics.yaml") from None
    if command.TYPE not in topic.messages:
        raise InvalidCommand(f"{command.topic} is no command topic")
    if command.partition >= topic.partitions:
        raise InvalidCommand(f"{command.topic} has partitions 0 to {topic.partitions - 1}")
    return Outgoing(topic.name, command.partition, key, headers, value)
