"""The drop rule, and the consumer that ships it."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.command import Options, Sender, outgoing
from client.consumer import Event, EventConsumer, Position
from client.errors import SequenceGap
from client.memory import InMemoryEvents, Log
from client.scripted import ScriptedEngine
from client.sequence import step
from client.transport import Place, Received
from schemas.errors import Unreadable
from schemas.models import RetirePolicy

PLACE = ("governance.policy.events.v1", 0)


@given(
    stream=st.lists(st.integers(1, 30), max_size=60),
    history=st.integers(1, 30),
)
def test_whatever_arrives_sequences_that_are_taken_increase_by_one(stream: list[int], history: int) -> None:
    taken: list[int] = []
    for found in [*stream, *range(1, history + 1)]:
        if step(taken[-1] if taken else None, found) == "take":
            taken.append(found)
    assert taken == list(range(taken[0], taken[0] + len(taken)))


@given(first=st.integers(1, 20), repeats=st.lists(st.integers(1, 20), max_size=20))
def test_after_a_whole_publication_nothing_is_missing_and_nothing_is_doubled(
    first: int, repeats: list[int]
) -> None:
    taken: list[int] = []
    for found in [first, *repeats, *range(1, 31)]:
        if step(taken[-1] if taken else None, found) == "take":
            taken.append(found)
    assert taken == list(range(first, 31))


def events(*sequences: int) -> dict[int, Received]:
    """Well-formed policy events of these sequences."""
    engine = ScriptedEngine(lambda policy, document: "allow")
    options = Options("c-1", "2026-01-01T00:00:00.000000Z")
    command = outgoing(RetirePolicy(policy="p"), Sender("acme", "svc", "svc"), options)
    found: dict[int, Received] = {}
    for sequence in range(1, max(sequences) + 1):
        event = engine(command)[0]
        found[sequence] = Received(*PLACE, 0, event.headers, event.value, event.key)
    return found


async def consume(
    sequences: list[int], count: int, positions: Mapping[Place, Position] | None = None
) -> tuple[list[Event], list[SequenceGap]]:
    """The next ``count`` events of a partition that holds these sequences, and the alarms."""
    log, known, gaps = Log(), events(*sequences), list[SequenceGap]()
    for sequence in sequences:
        record = known[sequence]
        await log.append(*PLACE, record.headers, record.value, record.key)
    source = InMemoryEvents(log)
    await source.start()
    taken: list[Event] = []
    async for event in EventConsumer(source, positions, gaps.append):
        taken.append(event)
        if len(taken) == count:
            break
    return taken, gaps


async def test_a_published_again_event_is_handed_over_once() -> None:
    taken, gaps = await consume([1, 2, 1, 2, 3, 3, 4], 4)
    assert [event.sequence for event in taken] == [1, 2, 3, 4]
    assert gaps == []


async def test_a_gap_alarms_once_and_waits_for_the_re_publication() -> None:
    taken, gaps = await consume([1, 4, 5, 2, 3, 4, 5], 5)
    assert [event.sequence for event in taken] == [1, 2, 3, 4, 5]
    assert [(gap.last, gap.found) for gap in gaps] == [(1, 4)]
    assert "2 missing" in str(gaps[0])


async def test_the_first_event_seen_sets_the_sequence() -> None:
    taken, gaps = await consume([7, 8], 2)
    assert [event.sequence for event in taken] == [7, 8]
    assert gaps == []


async def test_a_stored_position_goes_on_where_it_stands() -> None:
    taken, gaps = await consume([1, 2, 3, 4], 2, {PLACE: Position(2, 0)})
    assert [event.sequence for event in taken] == [3, 4]
    assert gaps == []


async def test_a_stored_position_sees_a_gap_at_once() -> None:
    taken, gaps = await consume([4, 3, 4], 2, {PLACE: Position(2, 0)})
    assert [event.sequence for event in taken] == [3, 4]
    assert len(gaps) == 1


async def test_an_event_carries_where_to_go_on() -> None:
    taken, _ = await consume([1, 1, 2], 2)
    assert [event.position for event in taken] == [Position(1, 1), Position(2, 3)]
    assert taken[0].body["reason"] == ""
    assert taken[0].envelope.tenant == "acme"


async def test_an_event_that_cannot_be_read_is_not_passed_over() -> None:
    log = Log()
    record = events(1)[1]
    await log.append(*PLACE, record.headers, b"\xc3\x01unknown!", record.key)
    source = InMemoryEvents(log)
    await source.start()
    with pytest.raises(Unreadable):
        await anext(aiter(EventConsumer(source)))


async def test_an_event_without_sequence_is_not_passed_over() -> None:
    log = Log()
    record = events(1)[1]
    headers = [(name, value) for name, value in record.headers if name != "ce_sequence"]
    await log.append(*PLACE, headers, record.value, record.key)
    source = InMemoryEvents(log)
    await source.start()
    with pytest.raises(Unreadable, match="without sequence"):
        await anext(aiter(EventConsumer(source)))
