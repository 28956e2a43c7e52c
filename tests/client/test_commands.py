"""What is refused before it is sent, and what a command looks like when it is."""

import pytest
from httpx import MockTransport, Response

from client.command import Sender
from client.errors import (
    InvalidCommand,
    Unreachable,
)
from client.governance import GovernanceClient
from client.memory import InMemoryTransport
from schemas.confluent import ConfluentRegistry
from schemas.envelope import envelope_of
from schemas.models import RepublishLane, RetirePolicy
from tests.client.calls import SENDER, client, engine


@pytest.mark.parametrize(
    "document",
    [b"[]", b"{", b'{"a": NaN}', b'{"a":1,"a":2}', b'{"a": "\\u0000"}', b"{" * 100, b'{"a": "\xff"}'],
)
async def test_a_bad_input_is_refused_before_it_is_sent(document: bytes) -> None:
    transport = InMemoryTransport(engine())
    async with GovernanceClient.over(transport, SENDER) as gov:
        with pytest.raises(InvalidCommand):
            await gov.evaluate("gate", document)
    assert transport.sent == []


async def test_an_input_over_the_bound_is_refused_before_it_is_sent() -> None:
    async with client(engine()) as gov:
        with pytest.raises(InvalidCommand, match="at most 262144"):
            await gov.evaluate("gate", {"a": "x" * 262_144})


async def test_a_name_with_control_characters_is_refused_before_it_is_sent() -> None:
    async with client(engine()) as gov:
        with pytest.raises(InvalidCommand):
            await gov.evaluate("gate", {}, resource="a\nb")
    async with client(engine(), Sender("acme/x", "svc", "svc")) as gov:
        with pytest.raises(InvalidCommand, match="tenantid"):
            await gov.evaluate("gate", {})


async def test_an_operators_command_goes_to_the_lane_it_names_signed() -> None:
    transport = InMemoryTransport(engine())
    sender = Sender("acme", "op", "op", engine_key=b"k" * 32)
    command = RepublishLane(topic="governance.evaluation.commands.v1", partition=6, from_sequence=1)
    async with GovernanceClient.over(transport, sender) as gov:
        await gov.submit(command, "accepted")
    (sent,) = transport.sent
    envelope = envelope_of(sent.headers)
    assert (sent.topic, sent.partition) == ("governance.evaluation.commands.v1", 6)
    assert sent.key == b"aumos/governance.evaluation.commands.v1/6"
    assert envelope.tenant == "aumos"
    assert len(envelope.mac) == 64


async def test_an_operators_command_needs_the_engine_key() -> None:
    command = RepublishLane(topic="governance.evaluation.commands.v1", partition=6, from_sequence=1)
    async with client(engine()) as gov:
        with pytest.raises(InvalidCommand, match="AUMOS_GOVERNANCE_ENGINE_KEY"):
            await gov.submit(command)


@pytest.mark.parametrize(
    ("topic", "partition"),
    [("nope", 0), ("governance.policy.events.v1", 0), ("governance.policy.commands.v1", 4)],
)
async def test_a_lane_that_does_not_exist_is_refused(topic: str, partition: int) -> None:
    sender = Sender("acme", "op", "op", engine_key=b"k" * 32)
    async with client(engine(), sender) as gov:
        with pytest.raises(InvalidCommand):
            await gov.submit(RepublishLane(topic=topic, partition=partition, from_sequence=1))


async def test_with_a_registry_bodies_are_framed_for_it() -> None:
    registry = ConfluentRegistry("http://registry", MockTransport(lambda _: Response(200, json={"id": 7})))
    transport = InMemoryTransport()
    async with GovernanceClient.over(transport, SENDER, registry=registry) as gov:
        await gov.submit(RetirePolicy(policy="p"), "accepted")
    assert transport.sent[0].value == b"\x00\x00\x00\x00\x07\x02p\x00"


async def test_without_its_registry_nothing_is_sent() -> None:
    registry = ConfluentRegistry("http://registry", MockTransport(lambda _: Response(503)))
    transport = InMemoryTransport()
    async with GovernanceClient.over(transport, SENDER, registry=registry) as gov:
        with pytest.raises(Unreachable, match="registry"):
            await gov.submit(RetirePolicy(policy="p"))
    assert transport.sent == []
