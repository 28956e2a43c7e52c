"""What the command and the event log promise, whatever is behind them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import pytest

from agents.errors import LaneRewound
from agents.lanes.ports import CommandLog, EventLog
from agents.records import CommandRecord, LaneId
from agents.restore.history import History
from schemas.leaf import EventRecord

LARGE = 400_000
"""Bytes of a value of which few fit into one produce batch."""


class Broker(Protocol):
    """A cluster as the contract drives it: one command and one event topic with two partitions each."""

    command_topic: str
    event_topic: str

    @property
    def commands(self) -> CommandLog:
        """The command log."""

    @property
    def events(self) -> EventLog:
        """The event log."""

    @property
    def history(self) -> History:
        """The published events."""

    async def send(self, record: CommandRecord) -> None:
        """Appends a command."""

    async def remove_before(self, lane: LaneId, offset: int) -> None:
        """Takes records away from the beginning, as retention does."""

    async def arrived(self, partition: int) -> Sequence[EventRecord]:
        """Everything on a partition of the event topic."""


def command(broker: Broker, offset: int, partition: int = 0) -> CommandRecord:
    """A record with bytes that no text has."""
    headers = (("ce_id", b"%d" % offset), ("x", b"\x00\xff"), ("ce_id", b"twice"))
    return CommandRecord(broker.command_topic, partition, offset, b"k\xff", headers, b"\x00value")


def event(broker: Broker, sequence: int, value: bytes | None = b"\xc3\x01value") -> EventRecord:
    """An event of partition 1, with what the log reads of it."""
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"event-%d" % sequence),
        ("ce_type", b"governance.policy.created"),
        ("ce_source", b"aumos-governance-engine"),
        ("ce_subject", b"policy/p"),
        ("ce_time", b"2026-01-02T03:04:05.000000Z"),
        ("ce_tenantid", b"acme"),
        ("ce_actorid", b"someone"),
        ("ce_correlationid", b"c"),
        ("ce_causationid", b"c"),
        ("ce_sequence", b"%d" % sequence),
    )
    return EventRecord(broker.event_topic, 1, sequence, b"acme/p", headers, value)


class BrokerContract:
    """Subclasses give the fixture ``broker``, whose topics are empty at first."""

    async def test_an_empty_partition_ends_at_0(self, broker: Broker) -> None:
        assert await broker.commands.end(LaneId(broker.command_topic, 0)) == 0
        assert await broker.events.last_sequence(broker.event_topic, 1) == 0

    async def test_commands_come_back_whole_and_in_order(self, broker: Broker) -> None:
        sent = [command(broker, offset) for offset in range(4)]
        for each in (*sent, command(broker, 0, partition=1)):
            await broker.send(each)
        lane = sent[0].lane
        assert await broker.commands.end(lane) == 4
        found: list[CommandRecord] = []
        while piece := await broker.commands.read(lane, 1 + len(found), 4):
            found += piece
        assert found == sent[1:]

    async def test_nothing_at_or_above_the_end_asked_for_is_read(self, broker: Broker) -> None:
        for offset in range(3):
            await broker.send(command(broker, offset))
        assert [r.offset for r in await broker.commands.read(LaneId(broker.command_topic, 0), 1, 2)] == [1]

    async def test_what_retention_removed_is_left_out(self, broker: Broker) -> None:
        for offset in range(4):
            await broker.send(command(broker, offset))
        lane = LaneId(broker.command_topic, 0)
        await broker.remove_before(lane, 2)
        left = await broker.commands.read(lane, 0, 4)
        assert left[0].offset == 2
        assert await broker.commands.read(lane, 0, 2) == []
        assert await broker.commands.end(lane) == 4

    async def test_a_log_that_ends_below_what_was_asked_for_was_rewound(self, broker: Broker) -> None:
        await broker.send(command(broker, 0))
        with pytest.raises(LaneRewound):
            await broker.commands.read(LaneId(broker.command_topic, 0), 3, 5)

    async def test_events_arrive_as_they_are_and_in_order(self, broker: Broker) -> None:
        sent = [event(broker, n) for n in (1, 2, 3)]
        sent[1] = replace(sent[1], key=None, value=None)
        await (await broker.events.publish(sent[:1]))
        await (await broker.events.publish(sent[1:]))
        assert list(await broker.arrived(1)) == sent
        assert await broker.events.last_sequence(broker.event_topic, 1) == 3
        assert await broker.events.last_sequence(broker.event_topic, 0) == 0

    async def test_the_history_is_every_published_event(self, broker: Broker) -> None:
        assert [each async for each in broker.history.events(broker.event_topic, 1)] == []
        sent = [event(broker, n) for n in (1, 2, 3)]
        await (await broker.events.publish([*sent, *sent[1:]]))
        assert [e async for e in broker.history.events(broker.event_topic, 1)] == [*sent, *sent[1:]]

    async def test_a_publication_of_many_produce_batches_keeps_its_order(self, broker: Broker) -> None:
        sent = [event(broker, n, bytes(LARGE)) for n in range(1, 9)]
        acknowledgements = [await broker.events.publish(sent[:5]), await broker.events.publish(sent[5:])]
        for acknowledged in acknowledgements:
            await acknowledged
        assert [each.lane_seq for each in await broker.arrived(1)] == list(range(1, 9))
