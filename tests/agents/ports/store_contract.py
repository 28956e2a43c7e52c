"""What every lane store promises, whatever is behind it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from agents.decisions.answering import KnownAnswer
from agents.decisions.overriding import DecisionState
from agents.errors import Conflict, Outage
from agents.lanes.ports import Changes, InboxRow, LaneAdvance, LaneStore
from agents.reading import Identified
from agents.records import CommandRecord
from projections.apply.decision_point import evolve as evolve_point
from projections.apply.decision_stats import MAX_VIOLATIONS, OTHER, DecisionStats, compared
from projections.apply.happened import happened
from projections.apply.policy import PolicyState
from schemas.identity import decision_point_id, policy_id
from schemas.models import (
    ActivatePolicy,
    ApproveCorrection,
    CorrectEvent,
    HoldEntries,
    OverrideDecision,
    PolicyFile,
    ReplayGate,
    ReportReplay,
    RetirePolicy,
    SuspendPolicy,
    UnbindDecisionPoint,
    UnshadowPolicy,
    UpdatePolicy,
)
from schemas.personal import SubjectKey
from schemas.topics import event_topic_of
from tests.agents.commands import (
    TENANT,
    activate,
    ask,
    bind,
    confirm,
    create,
    discard,
    evaluate,
    lane_of,
    record,
    resources_in,
    retry,
)
from tests.agents.ports.desk import NOW, READER, Desk
from tests.agents.ports.shadowed import TwoMinded
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
    """Subclasses give the fixtures ``store``, empty at first, ``silence`` and ``stats``.

    ``silence`` is as long as a process may be paused before its transactions are ended; ``stats`` reads what
    is counted of decisions.
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

    async def test_an_event_and_what_audit_events_say_about_it_are_found_by_its_tenant(
        self, store: LaneStore
    ) -> None:
        desk = Desk(store)
        (wrong,) = (await desk.say(create(), "p-1")).events[POLICY]
        event_id = wrong.happened.event_id
        propose = CorrectEvent(**POLICY._asdict(), event_id=event_id, reason="wrong", details=b"{}")
        (request,) = (await desk.say(propose, "c-1")).events[POLICY]
        approve = ApproveCorrection(**POLICY._asdict(), request=request.happened.event_id)
        sent = desk.broker.append(record(approve, "c-2", actor="another"))
        (correction,) = (await desk.decide([sent])).events[POLICY]
        async with store.transaction([POLICY]) as transaction:
            assert await transaction.event(TENANT, event_id) == wrong.record
            assert await transaction.event("other", event_id) is None
            assert await transaction.event(TENANT, "unknown") is None
            assert await transaction.audit_events(TENANT, f"event/{event_id}") == [correction.record]
            assert await transaction.audit_events("other", f"event/{event_id}") == []

    async def test_a_subjects_key_is_made_once_and_destroyed_for_good(self, store: LaneStore) -> None:
        key = SubjectKey(TENANT, bytes(32), "p-1", b"c" * 32, b"k" * 32)
        digest = TENANT, key.subject
        for changes in (Changes(subject_keys=[key]), Changes(erased=[(TENANT, "p-1")])):
            async with store.transaction([FIRST]) as transaction:
                before = await transaction.subject_keys([digest, ("other", key.subject)])
                assert before == ({digest: key} if changes.erased else {})
                changes.lanes[FIRST] = LaneAdvance(0, 1, 0, NOW)
                await transaction.write(changes)
        async with store.transaction([FIRST]) as transaction:
            destroyed = replace(key, key=None)
            assert await transaction.subject_keys([digest]) == {digest: destroyed}
            assert await transaction.subject_key(TENANT, "p-1") == destroyed
            assert await transaction.subject_key("other", "p-1") is None
        again = Changes(subject_keys=[replace(key, pseudonym="p-2")])
        again.lanes[FIRST] = LaneAdvance(0, 1, 0, NOW)
        with pytest.raises(Conflict):
            async with store.transaction([FIRST]) as transaction:
                await transaction.write(again)

    async def test_what_is_said_about_resources_that_begin_alike_is_found(self, store: LaneStore) -> None:
        desk = Desk(store)
        lane = lane_of(HoldEntries(hold="x", authority="a", reason=""))
        held = [
            (await desk.say(HoldEntries(hold=name, authority="a", reason=""), name)).events[lane][0]
            for name in ("case_1", "case%2")
        ]
        async with store.transaction([lane]) as transaction:
            found = await transaction.audit_events(TENANT, "hold/case_", prefix=True)
            assert found == [held[0].record]
            assert len(await transaction.audit_events(TENANT, "hold/", prefix=True)) == 2
            assert await transaction.audit_events("other", "hold/", prefix=True) == []

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

    async def test_counts_are_what_a_replay_of_the_events_counts(
        self, store: LaneStore, stats: Callable[[], Awaitable[DecisionStats]]
    ) -> None:
        desk = Desk(store)
        await desk.with_active_policy()
        for n in range(MAX_VIOLATIONS // 2):
            desk.error = "timeout" if n % 5 == 4 else ""
            desk.violations = [f"rule_{n}: x", *(f"text {n} {each}" for each in range(5))] if n % 2 else []
            asked = [evaluate(r, decision_point=f"point {n * 3 % 25}") for r in resources_in(FIRST, 2)]
            asked += [evaluate(r, decision_point="gate") for r in resources_in(SECOND, 3)]
            batch = [desk.sent(command, f"e-{n}-{number}") for number, command in enumerate(asked)]
            await desk.decide(batch)
        replayed = DecisionStats()
        for lane in (POLICY, FIRST, SECOND):
            records = await store.stored(lane, 1, 1000)
            replayed.add(happened(record) for record in records)
        assert len(replayed.activations) == 1
        assert OTHER in {key[3] for key in replayed.reasons}
        assert [problem for same, problem in compared(await stats(), replayed) if not same] == []

    async def test_a_policys_shadow_comes_back_as_it_was_folded_until_it_ends(self, store: LaneStore) -> None:
        desk = TwoMinded(store)
        await desk.with_shadow()
        asked = (await the_policy(store)).shadow
        assert asked is not None
        assert (asked.version, asked.requested_by, asked.revision) == (2, "someone", 0)
        assert (await store.pointers([GATE]))[GATE].shadow is None, "no OPA holds it yet"
        await desk.say(confirm(version=2, revision=9), "s-1")
        assert (await the_policy(store)).shadow == replace(asked, revision=9)
        assert (await store.pointers([GATE]))[GATE].shadow == (2, 9)
        await desk.say(UnshadowPolicy(policy="gate"), "s-2")
        assert (await the_policy(store)).shadow is None
        assert (await store.pointers([GATE]))[GATE].shadow is None

    async def test_what_came_of_shadows_adds_up_in_each_lane_as_the_events_say(
        self, store: LaneStore, stats: Callable[[], Awaitable[DecisionStats]]
    ) -> None:
        desk = TwoMinded(store)
        await desk.with_loaded_shadow()
        sayings: list[dict[str, object]] = [{"allow": False}, {"allow": True}, {"error": "timeout"}]
        for number, desk.says in enumerate(sayings):
            asked = [evaluate(r) for r in (*resources_in(FIRST, 2), *resources_in(SECOND, 1))]
            await desk.decide([desk.sent(each, f"e-{number}-{n}") for n, each in enumerate(asked)])
        counted = {(day.version, day.day, day.partition): v for day, v in (await stats()).shadows.items()}
        assert counted == {(2, NOW.date(), 1): [4, 2, 2], (2, NOW.date(), SECOND.partition): [2, 1, 1]}
        replayed = DecisionStats()
        for lane in (POLICY, FIRST, SECOND):
            replayed.add(happened(record) for record in await store.stored(lane, 1, 1000))
        assert replayed.shadows == (await stats()).shadows

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
        files = [
            PolicyFile(path="lib/roles.rego", content="package lib.roles"),
            PolicyFile(path="a.json", content="{}"),
        ]
        update = UpdatePolicy(policy="gate", rego_content="package q", fail_mode="open", files=files)
        await desk.say(update, "p-2")
        state = await the_policy(store)
        assert [file["path"] for file in state.newest.files] == ["lib/roles.rego", "a.json"]
        assert (len(state.newest.modules), state.newest.data) == (2, '{"files":2}')
        assert state.newest.checked == {"tests": 1, "coverage": 87.5, "inputs": 2, "slowest_us": 300}
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

    async def test_a_decision_point_is_seen_with_what_its_policies_point_to(self, store: LaneStore) -> None:
        desk = Desk(store)
        await desk.with_active_policy()
        await desk.say(create("other"), "p-4")
        key, never = ((TENANT, decision_point_id(TENANT, name)) for name in ("model.promote", "nowhere"))
        assert await store.points([key, never]) == {}
        bound = await desk.say(bind("other", "gate", combining="all_must_allow"), "p-5")
        (event,) = next(iter(bound.events.values()))
        gate = (await store.points([key, never]))[key]
        pointers = await store.pointers([GATE, (TENANT, policy_id(TENANT, "other"))])
        assert (gate.policies, gate.combining) == (("other", "gate"), "all_must_allow")
        assert gate.pointers == (pointers[TENANT, policy_id(TENANT, "other")], pointers[GATE])
        assert gate.binding == event.happened.event_id
        async with store.transaction([POLICY]) as transaction:
            assert await transaction.points([key]) == {key: gate}
            states = await transaction.decision_points([key, never])
        assert states == {key: evolve_point(None, event.happened)}
        unbound = await desk.say(UnbindDecisionPoint(name="model.promote"), "p-6")
        (last,) = next(iter(unbound.events.values()))
        assert await store.points([key]) == {}
        async with store.transaction([POLICY]) as transaction:
            after = await transaction.decision_points([key])
        assert after == {key: evolve_point(states[key], last.happened)}

    async def test_a_decision_is_found_whole_and_so_is_that_it_was_overridden(self, store: LaneStore) -> None:
        desk = Desk(store)
        desk.error = "undefined"
        for command, command_id in (
            (create(enforcement="soft_mandatory"), "p-1"),
            (activate(), "p-2"),
            (confirm(), "p-3"),
        ):
            await desk.say(command, command_id)
        (resource,) = resources_in(FIRST, 1)
        decided = (await desk.say(evaluate(resource), "e-1")).events[FIRST][0].happened
        key, unknown = (TENANT, decided.event_id), (TENANT, "never")
        async with store.transaction([FIRST]) as transaction:
            assert await transaction.decisions([]) == {}
            assert await transaction.decisions([key, unknown]) == {key: DecisionState(decided, False)}
        override = OverrideDecision(decision_id=decided.event_id, resource=resource, reason="seen")
        made = desk.broker.append(record(override, "o-1", actor="another"))
        ((overridden,),) = (await desk.decide([made])).events.values()
        assert overridden.happened.type == "governance.policy.overridden"
        async with store.transaction([FIRST]) as transaction:
            assert await transaction.decisions([key]) == {key: DecisionState(decided, True)}

    async def test_the_last_answer_of_a_policy_that_a_decision_point_asked_is_found(
        self, store: LaneStore
    ) -> None:
        desk = Desk(store)
        await desk.with_active_policy()
        for command, command_id in (
            (create("other"), "o-1"),
            (activate("other"), "o-2"),
            (confirm("other"), "o-3"),
        ):
            await desk.say(command, command_id)
        await desk.say(bind("other", "gate"), "p-5")
        (resource,) = resources_in(FIRST, 1)
        decided = await desk.say(ask(resource), "e-1")
        keys = [(*GATE, resource), (TENANT, policy_id(TENANT, "other"), resource)]
        async with store.transaction([FIRST]) as transaction:
            found = await transaction.last_answers(keys)
        known = KnownAnswer(decided.events[FIRST][0].happened.event_id, "allow")
        assert found == dict.fromkeys(keys, known)

    async def test_the_newest_replay_of_a_version_comes_back_as_it_was_folded(self, store: LaneStore) -> None:
        desk = Desk(store)
        await desk.say(create(), "p-1")
        gated = ActivatePolicy(policy="gate", version=1, replay=ReplayGate(days=7, flip_budget=2))
        for command_id in ("p-2", "p-4"):
            await desk.say(gated, command_id)
            replay = (await the_policy(store)).versions[0].replay
            assert replay is not None
            assert (replay.outcome, replay.days, replay.flip_budget, replay.report) == ("running", 7, 2, None)
            asked = replay.replay_id
            report = ReportReplay(policy="gate", version=1, replay=asked, error="away", report=None)
            await desk.say(report, f"{command_id}-report")
            kept = (await the_policy(store)).versions[0].replay
            assert kept is not None
            assert (kept.replay_id, kept.outcome, kept.reason) == (asked, "failed", "away")
            assert (kept.requested_by, kept.overridden_by) == (replay.requested_by, "")

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
