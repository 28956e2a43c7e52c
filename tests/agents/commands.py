"""Records of command topics, as clients, the engine and careless producers make them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import orjson

from agents.records import CommandRecord, LaneId
from schemas.codec import encode
from schemas.envelope import Envelope, headers_of
from schemas.identity import OPERATOR_TENANT, message_key, partition_for
from schemas.mac import engine_mac
from schemas.models import (
    ActivatePolicy,
    BindDecisionPoint,
    Command,
    ConfirmActivation,
    Confirmation,
    CreatePolicy,
    DiscardQuarantined,
    Evaluate,
    LaneAddressed,
    LaneCommand,
    RepublishLane,
    RetryQuarantined,
    SuspendPolicy,
)
from schemas.topics import topics

KEY: Final = bytes(range(32))
"""The engine key of the tests."""

TENANT: Final = "acme"
SOURCE: Final = "platform"
TIME: Final = "2026-01-02T03:04:05.000000Z"


def record(
    command: Command,
    command_id: str,
    *,
    tenant: str = TENANT,
    source: str = SOURCE,
    actor: str = "someone",
    expected_version: int | None = None,
    offset: int = 0,
) -> CommandRecord:
    """The record of a command in the lane where it belongs; engine-made types carry their code."""
    if isinstance(command, LaneCommand):
        tenant = OPERATOR_TENANT
    value = encode(command.TYPE, command.model_dump())
    envelope = Envelope(
        id=command_id,
        type=command.TYPE,
        source=source,
        subject=command.subject(tenant),
        time=TIME,
        tenant=tenant,
        actor=actor,
        expected_version=expected_version,
    )
    by_engine = isinstance(command, SuspendPolicy) and command.cause != "operator"
    if by_engine or command.TYPE in topics().engine_made:
        envelope = replace(envelope, mac=engine_mac(KEY, envelope, value))
    key = message_key(tenant, command.aggregate(tenant))
    if isinstance(command, LaneAddressed):
        lane = LaneId(command.topic, command.partition)
    else:
        topic = topics().command_topic_of(command.TYPE)
        lane = LaneId(topic.name, partition_for(key, topic.partitions))
    return CommandRecord(*lane, offset, key, headers_of(envelope), value)


def structured(
    command: Command,
    command_id: str,
    data: Mapping[str, object] | None = None,
    attributes: Mapping[str, object] | None = None,
) -> CommandRecord:
    """The same command as a structured-mode JSON CloudEvent; ``data`` and ``attributes`` go on top."""
    binary = record(command, command_id)
    event = {name[3:]: value.decode() for name, value in binary.headers if name.startswith("ce_")}
    body = command.model_dump()
    if isinstance(body.get("input"), bytes):
        body["input"] = orjson.loads(body["input"])
    text = orjson.dumps({**event, "data": {**body, **(data or {})}, **(attributes or {})})
    return replace(binary, value=text, headers=(("content-type", b"application/cloudevents+json"),))


def with_headers(made: CommandRecord, changes: Mapping[str, bytes | None]) -> CommandRecord:
    """The record with other header values; None takes a header away."""
    headers = {**dict(made.headers), **changes}
    kept = tuple((name, value) for name, value in headers.items() if value is not None)
    return replace(made, headers=kept)


def create(name: str = "gate", source: str = "package p", **fields: object) -> CreatePolicy:
    """Creates a policy."""
    return CreatePolicy.model_validate({"name": name, "rego_content": source, **fields})


def activate(name: str = "gate", version: int = 1) -> ActivatePolicy:
    """Asks for a version to decide."""
    return ActivatePolicy(policy=name, version=version)


def confirm(name: str = "gate", version: int = 1, revision: int = 1) -> ConfirmActivation:
    """The bundle service's word that it is loaded."""
    return ConfirmActivation(
        policy=name,
        version=version,
        revision=revision,
        confirmations=[Confirmation(opa="opa-0", revision=revision)],
    )


def evaluate(
    resource: str = "model/m-1",
    policy: str = "gate",
    document: Mapping[str, object] | None = None,
    decision_point: str = "",
) -> Evaluate:
    """Asks a policy."""
    data = orjson.dumps(document or {"id": resource})
    return Evaluate(policy=policy, input=data, resource=resource, decision_point=decision_point)


def bind(*policies: str, combining: str = "deny_overrides", name: str = "model.promote") -> BindDecisionPoint:
    """Binds policies to a decision point."""
    return BindDecisionPoint(name=name, policies=list(policies), combining=combining)


def ask(
    resource: str = "model/m-1", name: str = "model.promote", document: Mapping[str, object] | None = None
) -> Evaluate:
    """Asks a decision point."""
    return Evaluate(
        policy="", input=orjson.dumps(document or {"id": resource}), resource=resource, decision_point=name
    )


def republish(lane: LaneId, sequence: int) -> RepublishLane:
    """An operator wants events again."""
    return RepublishLane(topic=lane.topic, partition=lane.partition, from_sequence=sequence)


def retry(lane: LaneId, offset: int) -> RetryQuarantined:
    """An operator wants a quarantined command processed."""
    return RetryQuarantined(topic=lane.topic, partition=lane.partition, offset=offset, reason="fixed")


def discard(lane: LaneId, offset: int) -> DiscardQuarantined:
    """An operator gives a quarantined command up."""
    return DiscardQuarantined(topic=lane.topic, partition=lane.partition, offset=offset, reason="hopeless")


def lane_of(command: Command, tenant: str = TENANT) -> LaneId:
    """The lane that decides a command."""
    return record(command, "any", tenant=tenant).lane


def resources_in(lane: LaneId, count: int, tenant: str = TENANT) -> Sequence[str]:
    """Resources whose evaluations belong to a lane."""
    partitions = topics().named(lane.topic).partitions
    names = (f"model/{number}" for number in range(1_000_000))
    found: list[str] = []
    while len(found) < count:
        name = next(names)
        if partition_for(message_key(tenant, name), partitions) == lane.partition:
            found.append(name)
    return found


def policies_in(lane: LaneId, count: int, tenant: str = TENANT) -> Sequence[str]:
    """Names of policies that belong to a lane."""
    names = (f"policy-{number}" for number in range(1_000_000))
    found: list[str] = []
    while len(found) < count:
        name = next(names)
        if lane_of(create(name), tenant) == lane:
            found.append(name)
    return found
