"""The checker can fail: each kind of damage trips its own invariant."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256

import pytest

from projections.apply.decision import decision_row
from projections.apply.decision_stats import DecisionStats
from projections.apply.happened import happened
from projections.apply.policy import evolve
from projections.apply.replay import Replay
from projections.apply.shadow import Shadow, ShadowDay
from projections.invariants.evidence import (
    Evidence,
    PublishedEvent,
    SeenPolicy,
    SentCommand,
    StoredEvent,
    WallEntry,
    WallHead,
)
from projections.invariants.replay import document
from projections.invariants.run import judge
from projections.invariants.wall import tree_root
from schemas.codec import encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.leaf import EventRecord, encode_entry, leaf_hash

POLICY_LANE = ("governance.policy.events.v1", 0)
DECISION_LANE = ("governance.evaluation.events.v1", 0)
COMMANDS = "governance.evaluation.commands.v1"
AT = timestamp(datetime(2026, 5, 4, tzinfo=UTC))
KEY = ("acme", "p1")


def _record(
    lane: tuple[str, int], sequence: int, type_: str, body: dict[str, object], cause: str = ""
) -> EventRecord:
    envelope = Envelope(
        id=f"{type_}-{sequence}",
        type=type_,
        source="aumos-governance-engine",
        subject="policy/p1",
        time=AT,
        tenant="acme",
        actor="ann",
        causation=cause,
        sequence=sequence,
    )
    return EventRecord(*lane, sequence, b"acme/p1", headers_of(envelope), encode(type_, body))


def _version() -> dict[str, object]:
    return {
        "policy_id": "p1",
        "name": "gate",
        "version": 1,
        "policy_type": "opa_rego",
        "rego_content": "package a",
        "package": "a",
        "module": "package b",
        "module_digest": "d",
        "regulation_refs": [],
        "description": "",
        "enforcement": "mandatory",
        "fail_mode": "closed",
        "timeout_ms": None,
        "warnings": [],
    }


def _decision() -> dict[str, object]:
    return {
        "decision_id": "x",
        "policy_id": "p1",
        "policy": "gate",
        "version": 1,
        "module_digest": "d",
        "resource": "model/m",
        "decision_point": "",
        "outcome": "allow",
        "basis": "policy",
        "error": "",
        "reasons": [],
        "result": None,
        "input": b"{}",
        "input_digest": "",
        "enforcement": "mandatory",
        "fail_mode": "closed",
        "duration_us": 1,
        "opa": "opa-0",
        "bundle_revision": 1,
    }


def sound() -> Evidence:
    """Two policy events, two decisions that rest on the activation, all in the wall."""
    activated = {
        "policy_id": "p1",
        "name": "gate",
        "version": 1,
        "previous_version": None,
        "module_digest": "d",
    }
    policy = [
        _record(POLICY_LANE, 1, "governance.policy.created", _version()),
        _record(
            POLICY_LANE, 2, "governance.policy.activated", {**activated, "revision": 7, "confirmations": []}
        ),
    ]
    cause = "governance.policy.activated-2"
    decisions = [_record(DECISION_LANE, n, "governance.policy.evaluated", _decision(), cause) for n in (1, 2)]
    state = evolve(None, happened(policy[0]))
    state = evolve(state, happened(policy[1]))
    everything = [*policy, *decisions]
    entries = [encode_entry(record)[0] for record in everything]
    hashes = [leaf_hash(entry) for entry in entries]
    rows = [happened(record) for record in decisions]
    lanes = {POLICY_LANE: policy, DECISION_LANE: decisions}
    stats = DecisionStats()
    stats.add(happened(record) for record in everything)
    return Evidence(
        commands=[SentCommand((COMMANDS, 0, n), ("acme", "svc", f"c{n}")) for n in (0, 1)],
        next_offsets={(COMMANDS, 0): 2},
        inbox=frozenset({("acme", "svc", "c0"), ("acme", "svc", "c1")}),
        events={
            lane: [StoredEvent(happened(r), leaf_hash(encode_entry(r)[0])) for r in records]
            for lane, records in lanes.items()
        },
        published={
            lane: [PublishedEvent(r.lane_seq, leaf_hash(encode_entry(r)[0])) for r in records]
            for lane, records in lanes.items()
        },
        decisions={row.event_id: decision_row(row) for row in rows},
        policies={KEY: document(state)},
        stats=stats,
        wall=[
            WallEntry(n, r.topic, r.partition, r.lane_seq, entries[n], hashes[n])
            for n, r in enumerate(everything)
        ],
        head=WallHead(4, tree_root(hashes)),
        seen=[SeenPolicy(KEY, 2, "active", 1, state.last_event)],
    )


def test_sound_evidence_breaks_nothing() -> None:
    report = judge(sound())
    assert report.holds, report.document()
    assert all(invariant.compared for invariant in report.invariants)


def _lose_outcome(e: Evidence) -> None:
    e.inbox = frozenset({("acme", "svc", "c0")})


def _double_outcome(e: Evidence) -> None:
    e.quarantine = {(COMMANDS, 0, 1): "quarantined"}


def _leave_undecided(e: Evidence) -> None:
    e.next_offsets = {(COMMANDS, 0): 1}


def _lose_publication(e: Evidence) -> None:
    e.published = {**e.published, DECISION_LANE: e.published[DECISION_LANE][:1]}


def _alter_publication(e: Evidence) -> None:
    first, second = e.published[DECISION_LANE]
    e.published = {**e.published, DECISION_LANE: [first, replace(second, leaf_hash=b"?" * 32)]}


def _alter_republication(e: Evidence) -> None:
    first, second = e.published[DECISION_LANE]
    again = replace(first, leaf_hash=b"?" * 32)
    e.published = {**e.published, DECISION_LANE: [first, second, again]}


def _swap_publications(e: Evidence) -> None:
    e.published = {**e.published, DECISION_LANE: list(reversed(e.published[DECISION_LANE]))}


def _lose_policy_version(e: Evidence) -> None:
    e.policies = {KEY: {**e.policies[KEY], "version": 3}}


def _lose_entry(e: Evidence) -> None:
    del e.wall[-1]


def _alter_entry(e: Evidence) -> None:
    e.wall[0] = replace(e.wall[0], entry=e.wall[0].entry[:-1] + b"?")


def _double_entry(e: Evidence) -> None:
    e.wall.append(replace(e.wall[-1], index=4))


def _swap_entries(e: Evidence) -> None:
    e.wall[2], e.wall[3] = replace(e.wall[3], index=2), replace(e.wall[2], index=3)


def _forge_root(e: Evidence) -> None:
    e.head = WallHead(4, b"?" * 32)


def _alter_decision_row(e: Evidence) -> None:
    (name, row), *rest = e.decisions.items()
    e.decisions = {name: replace(row, outcome="deny"), **dict(rest)}


def _miscount(e: Evidence) -> None:
    next(iter(e.stats.figures.values()))[0] += 1


def _count_a_reason_that_nobody_gave(e: Evidence) -> None:
    group, point = next(iter(e.stats.figures))
    e.stats.reasons[group, point, "violation", "never"] = 1


def _forget_an_activation(e: Evidence) -> None:
    e.stats.activations.clear()


def _count_a_shadow_that_was_not_asked(e: Evidence) -> None:
    e.stats.shadows[ShadowDay("acme", "p1", 2, date(2026, 5, 4), *DECISION_LANE)] = [1, 0, 0]


def _keep_a_shadow_that_nobody_asked_for(e: Evidence) -> None:
    e.trials.shadows[KEY] = Shadow(2, "ann", datetime(2026, 5, 4, tzinfo=UTC))


def _keep_a_replay_that_nobody_asked_for(e: Evidence) -> None:
    e.trials.replays[*KEY, "never"] = 1, Replay("never", 7, 0, "ann", datetime(2026, 5, 4, tzinfo=UTC))


def _show_what_never_was(e: Evidence) -> None:
    e.seen = [replace(e.seen[0], active_version=9)]


@pytest.mark.parametrize(
    ("damage", "broken"),
    [
        (_lose_outcome, {1}),
        (_double_outcome, {1}),
        (_leave_undecided, {1}),
        (_lose_publication, {2}),
        (_alter_publication, {2}),
        (_alter_republication, {2}),
        (_swap_publications, {2}),
        (_lose_policy_version, {3, 5}),
        (_lose_entry, {4}),
        (_alter_entry, {4}),
        (_double_entry, {4}),
        (_swap_entries, {4}),
        (_forge_root, {4}),
        (_alter_decision_row, {5}),
        (_miscount, {5}),
        (_count_a_reason_that_nobody_gave, {5}),
        (_forget_an_activation, {5}),
        (_count_a_shadow_that_was_not_asked, {5}),
        (_keep_a_shadow_that_nobody_asked_for, {5}),
        (_keep_a_replay_that_nobody_asked_for, {5}),
        (_show_what_never_was, {6}),
    ],
)
def test_damage_trips_its_invariant(damage: Callable[[Evidence], None], broken: set[int]) -> None:
    evidence = sound()
    damage(evidence)
    assert {i.number for i in judge(evidence).invariants if not i.holds} == broken


def test_a_decision_that_rests_on_nothing_is_found() -> None:
    evidence = sound()
    orphan = replace(evidence.events[DECISION_LANE][0].happened, causation="never")
    stored = replace(evidence.events[DECISION_LANE][0], happened=orphan)
    evidence.events = {**evidence.events, DECISION_LANE: [stored, evidence.events[DECISION_LANE][1]]}
    assert {i.number for i in judge(evidence).invariants if not i.holds} == {6}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64, 100])
def test_the_root_agrees_with_the_recursive_definition(size: int) -> None:
    leaves = [leaf_hash(bytes([n])) for n in range(size)]

    def recursive(part: list[bytes]) -> bytes:
        if len(part) == 1:
            return part[0]
        split = 1 << (len(part) - 1).bit_length() - 1
        return sha256(b"\x01" + recursive(part[:split]) + recursive(part[split:])).digest()

    assert tree_root(leaves) == recursive(leaves)
