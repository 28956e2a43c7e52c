"""When an activation is confirmed, given up, and said again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.bundles.activations import Activations
from agents.bundles.commands import Sealer
from agents.bundles.ports import LoadableVersion
from agents.bundles.reports import Report, Trouble
from agents.bundles.shard import Shard
from agents.bundles.web import wait_of
from agents.engine_commands import EngineCommand
from schemas.codec import decode
from schemas.envelope import Envelope, envelope_of
from schemas.identity import ENGINE_SOURCE, partition_for
from schemas.mac import engine_made
from schemas.models import COMMANDS, Command, ConfirmActivation, FailActivation, SuspendPolicy
from schemas.topics import topics

KEY = b"k" * 32
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
WAITING = LoadableVersion("acme", "gate", 3, "activating", "digest", SINCE, 0)


def activations(patience_s: float = 10.0) -> Activations:
    return Activations(Sealer(KEY, lambda: SINCE), patience_s, repeat_s=5.0)


def shard(serves: bool = False) -> Shard:
    found = Shard("opa-0")
    found.want([WAITING], 1_000)
    if serves:
        assert found.offer is not None
        found.polled(found.offer.etag, 1_001)
    return found


def envelope(record: EngineCommand) -> Envelope:
    return envelope_of(record.headers)


def command(record: EngineCommand) -> Command:
    kind = envelope(record).type
    return COMMANDS[kind].model_validate(dict(decode(kind, record.value)))


def due(under_way: Activations, of: Shard, now: float) -> list[EngineCommand]:
    return [record for _, record in under_way.due({"opa-0": of}, now)]


def test_nothing_is_said_before_the_process_serves_the_version() -> None:
    under_way = activations()
    under_way.observe([("opa-0", WAITING)], 0.0)
    assert due(under_way, shard(), 9.9) == []


def test_a_served_version_is_confirmed_with_the_engines_seal_in_its_policys_lane() -> None:
    under_way = activations()
    under_way.observe([("opa-0", WAITING)], 0.0)
    (record,) = due(under_way, shard(serves=True), 0.1)
    confirm = command(record)
    assert isinstance(confirm, ConfirmActivation)
    assert (confirm.policy, confirm.version, confirm.revision) == ("gate", 3, 1_000)
    said = envelope(record)
    assert (said.tenant, said.source, said.subject) == (
        "acme",
        ENGINE_SOURCE,
        f"policy/{confirm.aggregate('acme')}",
    )
    assert engine_made(KEY, said, record.value)
    assert record.topic == "governance.policy.commands.v1"
    assert record.key == f"acme/{confirm.aggregate('acme')}".encode()
    assert record.partition == partition_for(record.key, topics().named(record.topic).partitions)


def test_after_patience_the_activation_fails_with_what_the_process_said() -> None:
    under_way = activations(patience_s=10.0)
    under_way.observe([("opa-0", WAITING)], 100.0)
    refusing = shard()
    assert refusing.offer is not None
    refusing.delivered(refusing.offer)
    refusing.reported(Report(0, Trouble("bundle signature", frozenset())), 1_001)
    assert due(under_way, refusing, 109.9) == []
    (record,) = due(under_way, refusing, 110.0)
    fail = command(record)
    assert isinstance(fail, FailActivation)
    assert fail.reason == "opa-0 did not load it in 10 s; it says: bundle signature"


def test_a_culprit_fails_at_once() -> None:
    under_way = activations()
    under_way.observe([("opa-0", WAITING)], 0.0)
    of = shard()
    of.excluded[WAITING.key] = "rego_parse_error\x00"
    (record,) = due(under_way, of, 0.0)
    fail = command(record)
    assert isinstance(fail, FailActivation)
    assert fail.reason == "rego_parse_error"


def test_a_verdict_without_effect_is_said_again_with_the_same_bytes() -> None:
    under_way = activations()
    under_way.observe([("opa-0", WAITING)], 0.0)
    serving = shard(serves=True)
    ((pending, first),) = under_way.due({"opa-0": serving}, 0.0)
    pending.sent_at = 0.0
    serving.want([WAITING, replace(WAITING, policy_id="more")], 9_000)
    assert serving.offer is not None
    serving.polled(serving.offer.etag, 9_001)
    under_way.observe([("opa-0", WAITING)], 1.0)
    assert due(under_way, serving, 4.9) == []
    assert due(under_way, serving, 5.0) == [first]


def test_a_verdict_that_was_reached_stands_even_if_the_process_then_confirms() -> None:
    under_way = activations(patience_s=1.0)
    under_way.observe([("opa-0", WAITING)], 0.0)
    ((pending, first),) = under_way.due({"opa-0": shard()}, 2.0)
    pending.sent_at = 2.0
    assert due(under_way, shard(serves=True), 7.0) == [first]


def test_what_no_longer_waits_is_forgotten_and_a_second_activation_is_another_command() -> None:
    under_way = activations()
    serving = shard(serves=True)
    ids = []
    for since in (SINCE, SINCE, SINCE + timedelta(seconds=1)):
        under_way.observe([("opa-0", replace(WAITING, activating_since=since))], 0.0)
        ids.append(envelope(due(under_way, serving, 0.0)[0]).id)
        under_way.observe([], 0.0)
        assert due(under_way, serving, 0.0) == []
    assert ids[0] == ids[1] != ids[2]


def test_a_second_activation_between_two_looks_is_another_command() -> None:
    under_way = activations()
    serving = shard(serves=True)
    under_way.observe([("opa-0", WAITING)], 0.0)
    ((pending, first),) = under_way.due({"opa-0": serving}, 0.0)
    pending.sent_at = 0.0
    under_way.observe([("opa-0", replace(WAITING, activating_since=SINCE + timedelta(seconds=1)))], 0.1)
    (second,) = due(under_way, serving, 0.1)
    assert envelope(first).id != envelope(second).id


def test_the_commands_id_follows_from_the_activation_and_not_from_the_revision() -> None:
    ids = set()
    for revision in (1_000, 2_000):
        of = Shard("opa-0")
        of.want([WAITING], revision)
        assert of.offer is not None
        of.polled(of.offer.etag, revision)
        under_way = activations()
        under_way.observe([("opa-0", WAITING)], 0.0)
        (record,) = due(under_way, of, 0.0)
        ids.add(envelope(record).id)
    assert len(ids) == 1


@pytest.mark.parametrize("prefer", ["wait=30", "modes=snapshot,delta;wait=30", "modes=delta; wait = 30 ,x"])
def test_the_wait_of_a_poll_is_read_from_its_preferences(prefer: str) -> None:
    assert wait_of(prefer) == 30.0


@pytest.mark.parametrize(
    ("prefer", "seconds"), [("", 0.0), ("wait=x", 0.0), ("await=9", 0.0), ("wait=9999", 60.0)]
)
def test_a_wait_is_bounded_and_absent_means_none(prefer: str, seconds: float) -> None:
    assert wait_of(prefer) == seconds


def test_a_deciding_version_that_spoils_the_bundle_is_suspended_once() -> None:
    culprit = replace(WAITING, state="active", activating_since=None, confirmed_revision=900)
    of, under_way = Shard("opa-0"), activations()
    of.want([culprit], 1_000)
    assert of.offer is not None
    of.delivered(of.offer)
    of.reported(Report(0, Trouble("rego_type_error: no", frozenset({"tenants/t-acme/gate/v3.rego"}))), 1_001)
    (pending, first), *others = under_way.due({"opa-0": of}, 0.0)
    assert not others
    said = command(first)
    assert isinstance(said, SuspendPolicy)
    assert (said.version, said.cause, said.reason) == (3, "bundle", "rego_type_error: no")
    assert engine_made(KEY, envelope(first), first.value)
    pending.sent_at = 0.0
    assert due(under_way, of, 4.9) == []
    assert due(under_way, of, 5.0) == [first]
    of.want([replace(culprit, confirmed_revision=2_000)], 3_000)
    assert [envelope(record).id for record in due(activations(), of, 0.0)] != [envelope(first).id]
    of.want([], 4_000)
    assert due(under_way, of, 99.0) == []


def test_a_version_is_not_confirmed_by_a_bundle_that_an_older_one_without_it_is_about_to_replace() -> None:
    under_way, of = activations(), Shard("opa-0")
    active = replace(WAITING, version=1, state="active")
    superseded = replace(WAITING, version=2, state="superseded")
    left = replace(WAITING, state="superseded")
    of.want([active, superseded, left], 1_000)
    assert of.offer is not None
    of.polled(of.offer.etag, 1_001)
    other = replace(WAITING, policy_id="other")
    of.want([active, superseded, other], 1_002)
    without = of.offer
    of.delivered(without)  # OPA loads it just now
    of.want([active, superseded, other, WAITING], 1_003)
    under_way.observe([("opa-0", WAITING)], 0.0)
    assert due(under_way, of, 0.1) == []
    of.reported(Report(without.revision, None), 1_004)
    assert due(under_way, of, 0.2) == []
    assert of.offer is not None
    of.delivered(of.offer)
    of.reported(Report(of.offer.revision, None), 1_005)
    (confirmed,) = due(under_way, of, 0.3)
    assert isinstance(said := command(confirmed), ConfirmActivation)
    assert said.revision == of.offer.revision > without.revision
