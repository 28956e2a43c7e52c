"""Whether a load was really governed: counted in three places, and a sample compared byte for byte."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.commands import command_id
from bench.errors import NotVerified
from bench.figures import expect
from bench.kafka import EVENTS, ends, read_back
from bench.postgres import EventTable
from bench.system import Addresses
from bench.wall import Head, Wall
from client.transport import Outgoing
from schemas.codec import Body, decode
from schemas.leaf import EventRecord, encode_leaf

EVALUATED: Final = "governance.policy.evaluated"
COMMAND: Final = "governance.policy.evaluate"

SAMPLE: Final = 200
"""Events that are compared byte for byte in all three places."""


@dataclass(frozen=True, slots=True)
class Before:
    """Where table, topic and wall stood before a load; ``sequences`` are the last of each partition."""

    sequences: Mapping[int, int]
    offsets: Mapping[int, int]
    head: Head

    @classmethod
    async def read(cls, addresses: Addresses) -> "Before":
        """As it stands; the system must be at rest."""
        async with (
            EventTable.connect(addresses.primary, EVENTS.name) as table,
            Wall.connect(addresses) as wall,
        ):
            last = await table.last()
            sequences = {number: last.get(number, 0) for number in range(EVENTS.partitions)}
            offsets = await ends(addresses.kafka, EVENTS.name, EVENTS.partitions)
            return cls(sequences, offsets, await wall.head(EVENTS.name))


async def verify(addresses: Addresses, before: Before, sent: Sequence[Outgoing]) -> None:
    """Every command of the load has one decision, on Kafka and in the wall, by the policy itself.

    Raises :class:`bench.errors.NotVerified`.
    """
    published = await read_back(addresses.kafka, before.offsets)
    by_command = check_published(before.sequences, published, sent)
    sample = by_command[:: max(len(by_command) // SAMPLE, 1)]
    async with EventTable.connect(addresses.primary, EVENTS.name) as table, Wall.connect(addresses) as wall:
        rows = await table.count_after(before.sequences)
        expect(rows == len(sent), f"{len(sent)} commands, {rows} event rows")
        head = await wall.head(EVENTS.name)
        # By lanes: the log also has what the notary says meanwhile.
        added = sum(head.lanes.values()) - sum(before.head.lanes.get(lane, 1) for lane in head.lanes)
        expect(added == len(sent), f"{len(sent)} commands, {added} entries in the wall")
        for lane, last in _last(published).items():
            expect(
                head.lanes.get(lane) == last + 1, f"the wall is not at sequence {last} of partition {lane}"
            )
        places = [(event.partition, event.lane_seq) for event in sample]
        stored = {(each.partition, each.lane_seq): each for each in await table.records(places)}
        for event, place in zip(sample, places, strict=True):
            expect(stored.get(place) == event, f"the row of {place} differs from what was published")
            entry = await wall.entry(dict(event.headers)["ce_id"].decode())
            expect(
                entry == encode_leaf(event), f"the wall's entry of {place} differs from what was published"
            )


def check_published(
    sequences: Mapping[int, int], published: Sequence[EventRecord], sent: Sequence[Outgoing]
) -> list[EventRecord]:
    """The decisions in the order of their commands; raises :class:`bench.errors.NotVerified`."""
    expected = dict(sequences)
    by_command: dict[str, EventRecord] = {}
    for event in published:
        expected[event.partition] = expected.get(event.partition, 0) + 1
        expect(
            event.lane_seq == expected[event.partition], f"partition {event.partition}: a sequence is missing"
        )
        by_command[dict(event.headers)["ce_commandid"].decode()] = event
    expect(len(published) == len(sent), f"{len(sent)} commands, {len(published)} events published")
    ordered = []
    for number, command in enumerate(sent):
        answer = by_command.get(command_id(command))
        if answer is None:
            raise NotVerified(f"command {number} has no event")
        _check_decision(answer, command)
        ordered.append(answer)
    return ordered


def _check_decision(event: EventRecord, command: Outgoing) -> None:
    found = dict(event.headers)["ce_type"].decode()
    expect(found == EVALUATED, f"a command was answered with {found}")
    decision, asked = decode(EVALUATED, event.value), _asked(command)
    expect(decision["basis"] == "policy", f"a decision rests on {decision['basis']}: {decision['error']}")
    expect(decision["input"] == asked["input"], "a decision has another input than its command")
    expect((event.key, event.partition) == (command.key, command.partition), "an event is on another lane")


def _asked(command: Outgoing) -> Body:
    return decode(COMMAND, command.value)


def _last(published: Sequence[EventRecord]) -> dict[int, int]:
    return {event.partition: event.lane_seq for event in published}
