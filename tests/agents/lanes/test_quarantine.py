"""Quarantine: what is kept, who waits behind it, and what becomes of it on an operator's word."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Final

import pytest

from agents.lanes.ports import QuarantineState
from agents.records import CommandRecord
from schemas.envelope import MAX_COMMAND_BYTES
from schemas.identity import OPERATOR_TENANT, position_event_id
from schemas.models import UpdatePolicy
from tests.agents.commands import (
    TENANT,
    activate,
    create,
    discard,
    evaluate,
    policies_in,
    record,
    resources_in,
    retry,
    with_headers,
)
from tests.agents.simulation.points import Fault
from tests.agents.simulation.scenario import FIRST, POLICY, with_active_policy
from tests.agents.simulation.worker import DEADLY
from tests.agents.simulation.world import World

NAME: Final = policies_in(POLICY, 2)[1]
DEADLY_UPDATE: Final = UpdatePolicy(policy=NAME, rego_content=DEADLY.decode())


def update(text: str) -> UpdatePolicy:
    return UpdatePolicy(policy=NAME, description=text)


def states(world: World) -> Mapping[int, QuarantineState]:
    return {offset: row.state for (_, offset), row in sorted(world.servers.tables.quarantine.items())}


def descriptions(world: World) -> list[str]:
    """Of the policy's versions, in order."""
    (policy,) = (p for p in world.servers.tables.policies.values() if p.name == NAME)
    return [version.description for version in policy.versions]


def with_one_held(world: World) -> int:
    """A policy whose second command is quarantined; returns its offset."""
    world.send(create(NAME), "c-1")
    held = world.send(DEADLY_UPDATE, "c-2")
    world.restart_until_calm().kill()
    assert states(world) == {held.offset: "quarantined"}
    world.servers.deadly = False
    return held.offset


def unreadable(offset_of: CommandRecord) -> CommandRecord:
    return replace(offset_of, value=b"junk")


def test_an_unreadable_record_is_kept_whole_and_said_to_be(world: World) -> None:
    bad = world.send(unreadable(record(create(), "c-1")))
    good = world.send(create(), "c-2")
    world.process_all()
    row = world.servers.tables.quarantine[POLICY, bad.offset]
    assert row.record == bad
    assert (row.state, row.tenant, row.command_id) == ("quarantined", TENANT, None)
    event = world.servers.tables.events[POLICY][0].happened
    assert event.event_id == position_event_id(POLICY.topic, POLICY.partition, bad.offset, 0)
    assert event.body["digest"] == sha256(b"junk").hexdigest()
    assert (event.body["size"], event.body["reason"]) == (4, "unknown_encoding")
    assert world.types(POLICY) == ["policy.command_quarantined", "policy.created"]
    assert good.key == bad.key, "nothing waits behind an unreadable record"


@pytest.mark.parametrize(
    "bad",
    [
        replace(record(create(), "c"), value=None, key=None, headers=()),
        replace(record(create(), "c"), value=bytes(MAX_COMMAND_BYTES + 1)),
        replace(record(create(), "c"), key=b"\xff" * 100_000, value=b"junk"),
        with_headers(record(create(), "c"), {"ce_\x00": b"\xff" * 500_000}),
        with_headers(record(create(), "c"), {"ce_tenantid": b"\x00"}),
    ],
    ids=["nothing", "oversize", "long key", "NUL in a name", "NUL in a value"],
)
def test_no_record_whatever_its_parts_stops_a_lane(world: World, bad: CommandRecord) -> None:
    world.send(replace(bad, topic=POLICY.topic, partition=POLICY.partition))
    world.send(create(), "c-2")
    worker = world.process_all()
    assert worker.alive, worker.ended_by
    assert world.types(POLICY) == ["policy.command_quarantined", "policy.created"]
    (row,) = world.servers.tables.quarantine.values()
    assert row.tenant in (OPERATOR_TENANT, TENANT)
    world.check()


def test_commands_behind_a_quarantined_one_of_their_key_are_parked_and_others_are_not(world: World) -> None:
    held = with_one_held(world)
    world.send(update("waits"), "c-3")
    world.send(create("gate"), "c-4")
    world.send(activate(NAME), "c-5")
    world.process_all()
    assert states(world) == {held: "quarantined", held + 1: "parked", held + 3: "parked"}
    assert world.types(POLICY)[-3:] == [
        "policy.command_quarantined",
        "policy.created",
        "policy.command_quarantined",
    ]
    assert descriptions(world) == [""]
    world.check()


@pytest.mark.parametrize(("give_up", "versions"), [(False, 5), (True, 4)])
def test_a_resolution_takes_up_what_is_parked_in_its_order(
    world: World, give_up: bool, versions: int
) -> None:
    held = with_one_held(world)
    world.send(update("first"), "c-3")
    world.send(update("second"), "c-4")
    world.process_all().kill()
    world.send((discard if give_up else retry)(POLICY, held), "operator")
    world.send(update("after"), "c-5")
    world.process_all()
    head: QuarantineState = "discarded" if give_up else "retried"
    assert states(world) == {held: head, held + 1: "released", held + 2: "released"}
    assert descriptions(world)[-3:] == ["first", "second", "after"]
    assert len(descriptions(world)) == versions
    actions = [
        e.happened.body["action"] for e in world.servers.tables.events[POLICY] if "action" in e.happened.body
    ]
    assert actions == [head, "released", "released"]
    world.check()


def test_what_is_parked_in_the_batch_of_the_resolution_is_taken_up_by_it(world: World) -> None:
    held = with_one_held(world)
    world.send(update("in the same batch"), "c-3")
    world.send(retry(POLICY, held), "operator")
    world.send(update("after"), "c-4")
    world.process_all()
    assert states(world) == {held: "retried", held + 1: "released"}
    assert descriptions(world)[-2:] == ["in the same batch", "after"]
    world.check()


@pytest.mark.parametrize("first_gives_up", [True, False])
def test_of_two_resolutions_in_one_batch_the_first_counts(world: World, first_gives_up: bool) -> None:
    held = with_one_held(world)
    commands = [discard(POLICY, held), retry(POLICY, held)]
    for number, command in enumerate(commands if first_gives_up else reversed(commands)):
        world.send(command, f"operator-{number}")
    world.process_all()
    assert states(world) == {held: "discarded" if first_gives_up else "retried"}
    assert world.reasons(POLICY)[-1] == "not_quarantined"
    assert len(descriptions(world)) == (1 if first_gives_up else 2)
    world.check()


def test_a_parked_command_can_be_given_up_alone(world: World) -> None:
    held = with_one_held(world)
    world.send(update("unwanted"), "c-3")
    world.send(update("wanted"), "c-4")
    world.process_all().kill()
    world.send(discard(POLICY, held + 1), "operator-1")
    world.send(retry(POLICY, held + 2), "operator-2")
    world.process_all().kill()
    assert states(world) == {held: "quarantined", held + 1: "discarded", held + 2: "parked"}
    assert world.reasons(POLICY)[-1] == "held_up"
    world.send(retry(POLICY, held), "operator-3")
    world.process_all()
    assert descriptions(world)[-1] == "wanted"
    assert "unwanted" not in descriptions(world)
    world.check()


def test_of_two_quarantined_commands_of_one_key_the_first_goes_first(world: World) -> None:
    held = with_one_held(world)
    for number in range(3):
        world.send(update(f"number {number}"), f"d-{number}")
    world.process_all().kill()
    tables = world.servers.tables
    second = POLICY, held + 2
    tables.quarantine[second] = replace(tables.quarantine[second], state="quarantined")
    world.send(retry(POLICY, held), "operator-1")
    world.send(update("still behind"), "d-3")
    world.process_all().kill()
    assert states(world) == {
        held: "retried",
        held + 1: "released",
        held + 2: "quarantined",
        held + 3: "parked",
        held + 5: "parked",
    }
    assert descriptions(world)[-1] == "number 0"
    world.send(retry(POLICY, held + 2), "operator-2")
    world.process_all()
    assert descriptions(world)[-4:] == ["number 0", "number 1", "number 2", "still behind"]
    world.check()


def test_a_resolution_of_what_is_not_held_is_rejected(world: World) -> None:
    world.send(create(NAME), "c-1")
    for number, command in enumerate((retry(POLICY, 0), discard(POLICY, 0), retry(POLICY, 77))):
        world.send(command, f"operator-{number}")
    world.process_all()
    assert world.reasons(POLICY) == ["not_quarantined"] * 3


def test_an_unreadable_record_cannot_be_retried_but_given_up(world: World) -> None:
    bad = world.send(unreadable(record(create(), "c-1")))
    world.send(retry(POLICY, bad.offset), "operator-1")
    world.send(discard(POLICY, bad.offset), "operator-2")
    world.process_all().kill()
    world.send(retry(POLICY, bad.offset), "operator-3")
    world.send(discard(POLICY, bad.offset), "operator-4")
    world.process_all()
    assert world.reasons(POLICY)[1:] == ["not_quarantined", "not_quarantined", "still_unreadable", "hopeless"]
    assert states(world) == {bad.offset: "discarded"}


def test_a_record_that_has_become_readable_is_taken_up(world: World) -> None:
    world.send(create(NAME), "c-1")
    world.process_all().kill()
    tables = world.servers.tables
    again = world.send(update("was unreadable"), "c-2")
    log = world.servers.broker.commands[POLICY]
    log[again.offset] = unreadable(again)
    world.process_all().kill()
    kept = POLICY, again.offset
    tables.quarantine[kept] = replace(tables.quarantine[kept], record=again)
    world.send(retry(POLICY, again.offset), "operator")
    world.process_all()
    assert descriptions(world) == ["", "was unreadable"]
    assert states(world) == {again.offset: "retried"}


def test_a_lane_command_in_quarantine_is_not_retried_but_sent_again(world: World) -> None:
    held = with_one_held(world)
    stuck = world.send(retry(POLICY, held), "operator-1")
    world.servers.deadly = True
    world.restart_until_calm().kill()
    assert states(world) == {held: "quarantined", stuck.offset: "quarantined"}
    world.servers.deadly = False
    world.send(retry(POLICY, stuck.offset), "operator-2")
    world.process_all().kill()
    assert world.reasons(POLICY)[-1] == "not_retriable"
    world.send(discard(POLICY, stuck.offset), "operator-3")
    world.send(retry(POLICY, held), "operator-4")
    world.process_all()
    assert states(world) == {held: "retried", stuck.offset: "discarded"}
    world.check()


def test_nothing_is_ever_parked_in_evaluation(world: World) -> None:
    with_active_policy(world)
    (resource,) = resources_in(FIRST, 1)
    held = world.send(evaluate(resource, document={"id": DEADLY.decode()}), "e-1")
    world.send(evaluate(resource), "e-2")
    world.restart_until_calm().kill()
    world.send(evaluate(resource), "e-3")
    world.process_all().kill()
    assert states(world) == {held.offset: "quarantined"}
    assert world.types(FIRST)[-2:] == ["policy.evaluated", "policy.evaluated"]
    world.servers.deadly = False
    world.send(retry(FIRST, held.offset), "operator")
    world.process_all()
    assert states(world) == {held.offset: "retried"}
    assert world.types(FIRST)[-2:] == ["evaluation.quarantine_resolved", "policy.evaluated"]
    world.check()


def test_quarantined_evaluations_of_one_key_are_resolved_in_any_order(world: World) -> None:
    with_active_policy(world)
    (resource,) = resources_in(FIRST, 1)
    for number in range(2):
        world.send(evaluate(resource, document={"id": f"{DEADLY.decode()} {number}"}), f"e-{number}")
    world.restart_until_calm().kill()
    assert states(world) == {0: "quarantined", 1: "quarantined"}
    world.servers.deadly = False
    world.send(retry(FIRST, 1), "operator")
    world.process_all()
    assert states(world) == {0: "quarantined", 1: "retried"}
    world.check()


def test_a_repeat_of_a_parked_command_with_another_body_is_refused_under_its_own_id(world: World) -> None:
    held = with_one_held(world)
    world.send(update("first body"), "c-3")
    world.send(update("other body"), "c-3")
    world.send(update("first body"), "c-3")
    world.process_all().kill()
    world.send(retry(POLICY, held), "operator")
    world.process_all()
    assert descriptions(world)[-1] == "first body"
    refused = world.servers.tables.events[POLICY][-1].happened
    assert refused.body["reason"] == "id_reused"
    assert refused.event_id == position_event_id(POLICY.topic, POLICY.partition, held + 2, 1)
    world.check()


def test_a_resolution_prepared_before_another_owner_changed_the_queue_is_prepared_again(world: World) -> None:
    held = with_one_held(world)
    world.send(update("parked meanwhile"), "c-3")
    command = world.send(retry(POLICY, held), "operator")
    slow, quick = world.start([POLICY]), world.start([POLICY])
    slow.points.at("begin", Fault.STOP)
    world.deliver(slow, POLICY, held + 1, 2)
    world.run(0.1)
    world.deliver(quick, POLICY, held + 1, 1)
    world.run(0.1)
    assert states(world)[held + 1] == "parked"
    slow.points.resume()
    world.run(1.0)
    assert states(world) == {held: "retried", held + 1: "released"}
    assert slow.acknowledged[POLICY] == command.offset + 1
    world.check()
