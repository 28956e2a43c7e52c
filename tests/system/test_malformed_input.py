"""Every malformed input gets a clear answer: a rejection with its reason code, or quarantine.

All are sent at once as raw records to a running system, each after a well-formed evaluation and with a
well-formed command at the end of each lane; then each is looked at by itself.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Final
from uuid import uuid4

import pytest

import devstack
from client.cli.postgres import HeldWhole, operator_database
from client.consumer import Event, EventConsumer
from client.governance import GovernanceClient
from devstack.demo.gates import PROMOTION
from devstack.demo.malformed import Case, Outcome
from devstack.demo.records import Ask, Record, Run, asked, commanded
from devstack.demo.servers import Servers
from schemas.envelope import timestamp
from schemas.identity import message_key, new_command_id, partition_for, policy_id
from schemas.models import CreatePolicy, RepublishLane
from schemas.topics import family_of, topics
from tests.system.acting import PATIENCE_S, Position, active, send
from tests.system.cases import CASES, IDLE, RULES, confirmation, signed, with_header

DOCUMENT: Final = b'{"model":{"risk_level":"low"}}'
EVALUATED: Final = "governance.policy.evaluated"
ORIGINALS, FOLLOWERS, STOLEN = 1_000, 2_000, 3_000
"""First numbers of the well-formed evaluations, of the last commands, and of the copied code."""

Lane = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the system made of everything that was sent."""

    run: Run
    positions: Sequence[Position]
    """Of the malformed records, as in the table."""
    records: Sequence[Record]
    kept: Mapping[Position, HeldWhole | None]
    events: Mapping[str, list[Event]]
    """By the command id that they answer; none of them answers an unreadable record."""
    quarantined: Mapping[Position, Event]
    followers: Mapping[Lane, str]
    """The id of the last command of each lane that got something malformed."""

    def of(self, number: int) -> list[Event]:
        """The events that answer the command with a number."""
        return self.events.get(self.run.command_id(number), [])


@pytest.fixture(scope="module")
def answers(system: devstack.Stack, servers: Servers) -> Answers:
    """Sends everything and waits until the last command of each lane is answered."""
    key = bytes.fromhex(system.environment()["AUMOS_GOVERNANCE_ENGINE_KEY"])
    return asyncio.run(_all_at_once(servers, key))


def _numbers(outcome: Outcome) -> list[object]:
    return [pytest.param(n, id=kind.name) for n, kind in enumerate(CASES) if kind.outcome is outcome]


@pytest.mark.parametrize("number", _numbers(Outcome.REJECTED))
def test_a_refused_command_is_answered_with_its_reason(answers: Answers, number: int) -> None:
    kind = CASES[number]
    if kind.reason == "id_reused":
        first, rejection = answers.of(ORIGINALS + number)
        assert first.envelope.type == EVALUATED
    else:
        (rejection,) = answers.of(number)
    family = family_of(answers.records[number].topic)
    assert rejection.envelope.type == f"governance.{family}.command_rejected"
    assert rejection.body["reason"] == kind.reason
    assert rejection.body["detail"] != ""
    findings = rejection.body["findings"]
    assert isinstance(findings, list)
    assert {finding["rule"] for finding in findings} == ({RULES[kind.name]} if kind.name in RULES else set())


@pytest.mark.parametrize("number", _numbers(Outcome.QUARANTINED))
def test_an_unreadable_record_is_kept_whole(answers: Answers, number: int) -> None:
    kind, position, record = CASES[number], answers.positions[number], answers.records[number]
    event, row = answers.quarantined[position], answers.kept[position]
    assert row is not None
    assert (event.body["reason"], row.held.reason, row.held.state) == (
        kind.reason,
        kind.reason,
        "quarantined",
    )
    assert (row.key, row.value) == (record.key, record.value)
    assert [name for name, _ in row.headers] == [name for name, _ in record.headers]
    assert answers.of(number) == []


@pytest.mark.parametrize("number", _numbers(Outcome.DECIDED))
def test_what_is_only_unusual_is_decided(answers: Answers, number: int) -> None:
    (decision,) = answers.of(number)
    assert (decision.envelope.type, decision.body["outcome"]) == (EVALUATED, "allow")


@pytest.mark.parametrize("number", _numbers(Outcome.REPEATED))
def test_an_identical_repeat_gets_no_second_event(answers: Answers, number: int) -> None:
    assert [each.envelope.type for each in answers.of(ORIGINALS + number)] == [EVALUATED]
    assert answers.positions[number] not in answers.quarantined


def test_a_code_that_was_made_for_another_command_is_forged(answers: Answers) -> None:
    (rejection,) = answers.of(STOLEN)
    assert rejection.body["reason"] == "forged"


def test_the_well_formed_command_before_each_is_decided(answers: Answers) -> None:
    for number in range(len(CASES)):
        first = answers.of(ORIGINALS + number)[0]
        assert (first.envelope.type, first.body["outcome"]) == (EVALUATED, "allow"), CASES[number].name


def test_every_lane_goes_on_after_what_was_malformed(answers: Answers) -> None:
    touched = {(topic, partition) for topic, partition, _ in answers.positions}
    assert set(answers.followers) >= touched
    kinds = {answers.events[command_id][0].envelope.type for command_id in answers.followers.values()}
    assert kinds == {EVALUATED, "governance.policy.created", "governance.compliance.lane_republished"}


async def _all_at_once(servers: Servers, engine_key: bytes) -> Answers:
    tenant, run = f"t-{uuid4().hex[:10]}", Run(new_command_id(), timestamp(datetime.now(UTC)))
    async with (
        servers.reading(tenant) as api,
        GovernanceClient.connect(servers.kafka, tenant, "svc-platform") as gov,
    ):
        await active(gov, api, PROMOTION.command())
        await gov.submit(IDLE)
    cases = [_case(number, tenant, run) for number in range(len(CASES))]
    records = [kind.make(case) for kind, case in zip(CASES, cases, strict=True)]
    stolen = _stolen(_case(STOLEN, tenant, run), engine_key)
    lanes = sorted({(record.topic, record.partition) for record in (*records, stolen)})
    last = [_last(lane, n, tenant, run, engine_key) for n, lane in enumerate(lanes, FOLLOWERS)]
    followers = {lane: run.command_id(n) for n, lane in enumerate(lanes, FOLLOWERS)}
    async with EventConsumer.connect(servers.kafka, start="latest") as consumer:
        first = [case.original() for case in cases]
        positions = await send(servers.kafka, [*first, *records, stolen, *last])
        events = await _answered(consumer, set(followers.values()))
    of_cases = positions[len(first) : len(first) + len(records)]
    async with operator_database(servers.database) as database:
        kept = {position: await database.quarantined(*position) for position in of_cases}
    return Answers(run, of_cases, records, kept, *_sorted(events), followers)


def _case(number: int, tenant: str, run: Run) -> Case:
    return Case(number, Ask(ORIGINALS + number, tenant, PROMOTION, f"case/{number}", DOCUMENT), run)


def _stolen(case: Case, engine_key: bytes) -> Record:
    """The engine's own code on a command of another id: whoever saw one cannot make another."""
    genuine = signed(case, confirmation(case), engine_key)
    other = signed(replace(case, number=case.number + 1), confirmation(case), engine_key)
    return with_header(genuine, "ce_enginemac", dict(other.headers)["ce_enginemac"])


def _last(lane: Lane, number: int, tenant: str, run: Run, engine_key: bytes) -> Record:
    """A well-formed command for a lane."""
    topic, partition = lane
    match family_of(topic):
        case "evaluation":
            names = (f"last/{n}" for n in count())
            resource = next(name for name in names if _lane_of(topic, tenant, name) == lane)
            return asked(Ask(number, tenant, PROMOTION, resource, DOCUMENT), run)
        case "policy":
            names = (f"Last {number} {n}" for n in count())
            name = next(name for name in names if _lane_of(topic, tenant, policy_id(tenant, name)) == lane)
            create = CreatePolicy(name=name, rego_content="package last\n\ndefault allow := true\n")
            return commanded(create, tenant, "svc-platform", run.options(number), run)
        case _:
            again = RepublishLane(topic=topic, partition=partition, from_sequence=1)
            return signed(_case(number, tenant, run), again, engine_key)


def _lane_of(topic: str, tenant: str, aggregate: str) -> Lane:
    return topic, partition_for(message_key(tenant, aggregate), topics().named(topic).partitions)


async def _answered(consumer: EventConsumer, waited: set[str]) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in consumer:
            events.append(event)
            waited.discard(event.envelope.command_id)
            if not waited:
                return events
    raise AssertionError("the consumer ended")


def _sorted(events: Sequence[Event]) -> tuple[Mapping[str, list[Event]], Mapping[Position, Event]]:
    answered: defaultdict[str, list[Event]] = defaultdict(list)
    quarantined: dict[Position, Event] = {}
    for event in events:
        if event.envelope.type.endswith(".command_quarantined"):
            body = event.body
            quarantined[str(body["topic"]), _whole(body["partition"]), _whole(body["offset"])] = event
        else:
            answered[event.envelope.command_id].append(event)
    return answered, quarantined


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
