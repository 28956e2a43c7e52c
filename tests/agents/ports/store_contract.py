"""What every lane store promises, whatever is behind it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from agents.decisions.evaluation import KnownAnswer
from agents.errors import Conflict, Outage
from agents.lanes.ports import Changes, InboxRow, LaneAdvance, LaneStore
from agents.reading import Identified
from agents.records import CommandRecord
from projections.apply.policy import PolicyState
from schemas.identity import policy_id
from schemas.models import RetirePolicy, SuspendPolicy, UpdatePolicy
from schemas.topics import event_topic_of
from tests.agents.commands import (
    TENANT,
    activate,
    confirm,
    create,
    discard,
    evaluate,
    record,
    resources_in,
    retry,
)
from tests.agents.ports.desk import NOW, READER, Desk
from tests.agents.simulation.scenario import FIRST, POLICY, SECOND

GATE = (TENANT, policy_id(TENANT, "gate"))


def identified(made: CommandRecord) -> Identified:
    """What the engine reads in a good command."""
    reading = READER.read(made)
    assert isinstance(reading, Identified)
    return reading


async def the_policy(store: LaneStore) -> PolicyState:
    """The state of ``gate``."""
    return (await store.policies([GATE]))[GATE]


class StoreContract:
    """Subclasses give the fixtures ``store``, empty at first, and ``silence``.

    ``silence`` is as long as a process may be paused before its transactions are ended.
    """

    async def test_a_lane_never_seen_stands_at_its_beginning(self, store: LaneStore) -> None:
        row = await store.row(FIRST)
        assert (row.lane, row.next_offset, row.next_seq, row.published_seq) == (FIRST, 0, 1, 0)
        assert await store.stored(FIRST, 1, 10) == []
        async with store.transaction([FIRST]) as transaction:
            assert transaction.lanes[FIRST] == row

    async def test_what_was_decided_is_there_for_the_next_transaction(self, store: LaneStore) -> None:
        desk = Desk(store)
        await desk.with_active_policy()
        one, two = resources_in(FIRST, 2)
        batch = [desk.sent(evaluate(one), "e-1"), desk.sent(evaluate(two), "e-2")]
        committed = await desk.decide(batch)
        async with store.transaction([FIRST]) as transaction:
            row = transaction.lanes[FIRST]
            digests = {reading.key: reading.digest for reading in map(identified, batch)}
            assert await transaction.inbox(digests.keys()) == digests
        assert (row.next_offset, row.next_seq, row.last_event_time) == (2, 3, NOW)
        assert await store.stored(FIRST, 1, 10) == [event.record for event in committed.events[FIRST]]

    async def test_the_last_answer_of_a_policy_on_a_resource_is_found(self, store: LaneStore) -> None:
        desk = Desk(store)
        await desk.with_active_policy()
        one, two = resources_in(FIRST, 2)
        newest = await desk.say(evaluate(one), "e-1")
        key, other = (*GATE, one), (*GATE, two)
        async with store.transaction([FIRST]) as transaction:
            assert await transaction.last_answers([]) == {}
            found = await transaction.last_answers([key, other, (TENANT, "another", one)])
        decision_id = newest.events[FIRST][0].happened.event_id
        assert found == {key: KnownAnswer(decision_id, "allow")}

    async def test_an_outage_is_answered_by_what_the_policy_said_last(self, store: LaneStore) -> None:
        desk = Desk(store)
        for command, command_id in (
            (create(fail_mode="last_known"), "p-1"),
            (activate(), "p-2"),
            (confirm(), "p-3"),
        ):
            await desk.say(command, command_id)
        one, two = resources_in(FIRST, 2)
        known = await desk.say(evaluate(one), "e-1")
        desk.error = "timeout"
        committed = await desk.decide([desk.sent(evaluate(one), "e-2"), desk.sent(evaluate(two), "e-3")])
        bodies = [event.happened.body for event in committed.events[FIRST]]
        assert [body["outcome"] for body in bodies] == ["allow", "deny"]
        assert [body["known_decision"] for body in bodies] == [known.events[FIRST][0].happened.event_id, ""]
        assert {body["error"] for body in bodies} == {"timeout"}

    async def test_stored_events_come_in_order_from_a_sequence_on_and_bounded(self, store: LaneStore) -> None:
        desk = Desk(store)
        await desk.with_active_policy()
        await desk.decide([desk.sent(evaluate(r), f"e-{r}") for r in resources_in(FIRST, 5)])
        assert [event.lane_seq for event in await store.stored(FIRST, 2, 3)] == [2, 3, 4]
        assert await store.stored(FIRST, 6, 3) == []
        assert {e.topic for e in await store.stored(FIRST, 1, 9)} == {event_topic_of(FIRST.topic)}

    async def test_a_transaction_that_raises_leaves_nothing(self, store: LaneStore) -> None:
        with suppress(ZeroDivisionError):
            async with store.transaction([FIRST]) as transaction:
                await transaction.write(Changes(lanes={FIRST: LaneAdvance(7, 3, 0, NOW)}))
                raise ZeroDivisionError
        assert (await store.row(FIRST)).next_offset == 0

    async def test_a_locked_lane_is_not_had_twice(self, store: LaneStore) -> None:
        async def take() -> bool:
            try:
                async with store.transaction([SECOND]):
                    return True
            except Conflict:
                return False

        async with store.transaction([FIRST, SECOND]):
            taking = asyncio.create_task(take())
            await asyncio.sleep(0.2)
            assert not (taking.done() and taking.result())
        await taking
        assert await take()

    async def test_an_owner_that_falls_silent_in_a_transaction_loses_its_lanes(
        self, store: LaneStore, silence: Callable[[], Awaitable[None]]
    ) -> None:
        async def fall_silent() -> None:
            async with store.transaction([FIRST]) as silent:
                await silent.write(Changes(lanes={FIRST: LaneAdvance(1, 1, 0, NOW)}))
                await silence()
                async with store.transaction([FIRST]) as other:
                    await other.write(Changes(lanes={FIRST: LaneAdvance(5, 1, 0, NOW)}))

        with pytest.raises(Outage):
            await fall_silent()
        assert (await store.row(FIRST)).next_offset == 5

    async def test_an_inbox_key_that_another_lane_took_is_a_conflict(self, store: LaneStore) -> None:
        desk = Desk(store)
        await desk.with_active_policy()
        reading = identified(desk.sent(evaluate(resources_in(FIRST, 1)[0]), "same"))
        await desk.decide([reading.record])
        row = InboxRow(reading.key, reading.digest, SECOND, 0, "decided", None, NOW)
        with pytest.raises(Conflict):
            async with store.transaction([SECOND]) as transaction:
                await transaction.write(Changes(lanes={SECOND: LaneAdvance(1, 1, 0, NOW)}, inbox=[row]))
        assert (await store.row(SECOND)).next_offset == 0

    async def test_a_policy_comes_back_as_it_was_folded(self, store: LaneStore) -> None:
        desk = Desk(store)
        await desk.say(create(description="first", regulation_refs=["soc2"], timeout_ms=50), "p-1")
        await desk.say(UpdatePolicy(policy="gate", rego_content="package q", fail_mode="open"), "p-2")
        state = await the_policy(store)
        assert (state.version, len(state.versions), state.newest.fail_mode) == (2, 2, "open")
        assert (state.versions[0].description, state.versions[0].timeout_ms) == ("first", 50)
        assert state.versions[0].regulation_refs == ("soc2",)
        (last,) = await store.stored(POLICY, 2, 1)
        assert (state.last_event, state.lane_seq) == (dict(last.headers)["ce_id"].decode(), 2)
        async with store.transaction([POLICY]) as transaction:
            assert await transaction.policies([GATE]) == {GATE: state}

    async def test_pointers_follow_what_decides(self, store: LaneStore) -> None:
        desk = Desk(store)
        unknown = (TENANT, policy_id(TENANT, "nobody"))
        assert await store.pointers([unknown]) == {}
        await desk.say(create(), "p-1")
        pointer = (await store.pointers([GATE, unknown]))[GATE]
        assert (pointer.state, pointer.version) == ("draft", None)
        await desk.say(activate(), "p-2")
        await desk.say(confirm(), "p-3")
        pointer = (await store.pointers([GATE]))[GATE]
        assert (pointer.state, pointer.version, pointer.confirmed_revision) == ("active", 1, 1)
        assert pointer.module_digest == (await the_policy(store)).versions[0].module_digest
        await desk.say(RetirePolicy(policy="gate"), "p-9")
        assert (await store.pointers([GATE]))[GATE].state == "retired"

    async def test_a_suspended_version_stays_where_the_policy_points_until_it_is_activated(
        self, store: LaneStore
    ) -> None:
        desk = Desk(store)
        await desk.with_active_policy()
        assert not (await store.pointers([GATE]))[GATE].suspended
        await desk.say(SuspendPolicy(policy="gate", reason="wrong"), "p-4")
        pointer = (await store.pointers([GATE]))[GATE]
        assert (pointer.state, pointer.version, pointer.suspended) == ("active", 1, True)
        assert (await the_policy(store)).versions[0].state == "suspended"
        await desk.say(activate(), "p-5")
        assert (await store.pointers([GATE]))[GATE].suspended, "until every OPA holds it again"
        await desk.say(confirm(revision=2), "p-6")
        pointer = (await store.pointers([GATE]))[GATE]
        assert (pointer.version, pointer.suspended, pointer.confirmed_revision) == (1, False, 2)

    async def test_records_in_quarantine_are_kept_whole_and_resolved(self, store: LaneStore) -> None:
        desk = Desk(store)
        bad = desk.broker.append(replace(record(create(), "bad"), value=b"\x00\xff nonsense"))
        await desk.decide([bad])
        (held,) = await store.held(POLICY, bad.offset)
        assert held.record == bad
        assert (held.state, held.command_id, held.recorded_at) == ("quarantined", None, NOW)
        async with store.transaction([POLICY]) as transaction:
            assert await transaction.quarantined([(POLICY, bad.offset), (POLICY, 99)]) == {
                (POLICY, bad.offset)
            }
            assert list(await transaction.held(POLICY, bad.offset)) == [held]
        await desk.say(discard(POLICY, bad.offset), "give up")
        assert await store.held(POLICY, bad.offset) == []

    async def test_held_commands_of_a_key_come_together_in_order(self, store: LaneStore) -> None:
        desk = Desk(store)
        first = desk.sent(create(), "p-1")
        await desk.decide([first], poison=True)
        await desk.say(UpdatePolicy(policy="gate", description="behind"), "p-2")
        assert [row.state for row in await store.held(POLICY, 0)] == ["quarantined", "parked"]
        async with store.transaction([POLICY]) as transaction:
            assert transaction.lanes[POLICY].parked_keys == {first.key}
        assert (await store.row(POLICY)).parked_keys == frozenset()
        await desk.say(retry(POLICY, 0), "again")
        assert await store.held(POLICY, 0) == []
        assert (await the_policy(store)).version == 2

    async def test_announcements_only_rise_and_attempts_at_decided_records_go(self, store: LaneStore) -> None:
        await store.announce(FIRST, 5)
        await store.announce(FIRST, 3)
        assert (await store.row(FIRST)).attempt_to == 5
        assert [await store.attempts((FIRST, 0)) for _ in range(2)] == [1, 2]
        await store.take_back_attempt((FIRST, 0))
        assert await store.attempts((FIRST, 0)) == 2
        async with store.transaction([FIRST]) as transaction:
            await transaction.write(Changes(lanes={FIRST: LaneAdvance(1, 1, 0, NOW)}))
        await store.announce(FIRST, 6)
        assert await store.attempts((FIRST, 0)) == 1

    async def test_what_is_published_only_rises_and_makes_no_lane(self, store: LaneStore) -> None:
        await store.acknowledge({FIRST: 4})
        assert (await store.row(FIRST)).published_seq == 0
        async with store.transaction([FIRST]) as transaction:
            await transaction.write(Changes(lanes={FIRST: LaneAdvance(9, 9, 0, NOW)}))
        for sequence, expected in ((5, 5), (3, 5), (8, 8)):
            await store.acknowledge({FIRST: sequence})
            assert (await store.row(FIRST)).published_seq == expected
