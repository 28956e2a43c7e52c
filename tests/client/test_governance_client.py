"""What a caller of the client sees, over the transport in memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import pytest

from agents import reading
from client import command
from client.command import Sender
from client.errors import (
    Closed,
    Denied,
    InvalidCommand,
    Quarantined,
    Rejected,
    TimedOut,
    UnknownPolicy,
    Unreachable,
)
from client.governance import GovernanceClient
from client.memory import InMemoryTransport, Respond
from client.outcome import Accepted
from client.scripted import ScriptedEngine
from client.transport import Outgoing, Received
from schemas.codec import decode, encode
from schemas.envelope import envelope_of
from schemas.identity import partition_for
from schemas.models import Evaluate, RepublishLane, RetirePolicy
from schemas.topics import topics

SENDER = Sender("acme", "svc-mlops", "svc-mlops")


def decide(policy: str, document: Mapping[str, object]) -> Literal["allow", "deny"]:
    return "deny" if policy == "gate" else "allow"


def engine(
    rejections: Mapping[str, str] | None = None, quarantines: frozenset[str] = frozenset()
) -> ScriptedEngine:
    return ScriptedEngine(decide, rejections or {}, quarantines)


@asynccontextmanager
async def client(respond: Respond, sender: Sender = SENDER) -> AsyncIterator[GovernanceClient]:
    async with GovernanceClient.over(InMemoryTransport(respond), sender) as gov:
        yield gov


def nothing(_: Outgoing) -> Sequence[Received]:
    return ()


def keeping(sent: list[Outgoing]) -> Respond:
    def keep(command: Outgoing) -> Sequence[Received]:
        sent.append(command)
        return ()

    return keep


async def test_an_evaluation_returns_the_decision_of_its_own_command() -> None:
    async with client(engine()) as gov:
        denied, allowed = await asyncio.gather(
            gov.evaluate("gate", {"a": 1}, resource="model/m-1"),
            gov.evaluate("open", {"a": 2}, resource="model/m-2"),
        )
    assert denied.denied
    assert denied.reasons == ("scripted",)
    assert allowed.allowed
    assert allowed.resource == "model/m-2"
    assert allowed.result == {"allow": True}


async def test_a_thousand_concurrent_evaluations_each_get_their_own_answer() -> None:
    async with client(engine()) as gov:
        verdicts = await asyncio.gather(
            *(gov.evaluate("gate" if n % 2 else "open", {"n": n}, resource=f"r/{n}") for n in range(1000))
        )
    assert [v.resource for v in verdicts] == [f"r/{n}" for n in range(1000)]
    assert [v.denied for v in verdicts] == [bool(n % 2) for n in range(1000)]


async def test_a_command_goes_to_the_partition_of_its_key_and_carries_who_asks() -> None:
    transport = InMemoryTransport(engine())
    async with GovernanceClient.over(transport, SENDER) as gov:
        await gov.evaluate("open", {}, resource="model/m-17", correlation="c-1", traceparent="00-a-b-01")
    (sent,) = transport.sent
    envelope = envelope_of(sent.headers)
    assert sent.key == b"acme/model/m-17"
    assert sent.partition == partition_for(sent.key, topics().commands("evaluation").partitions)
    assert (envelope.tenant, envelope.actor, envelope.source) == ("acme", "svc-mlops", "svc-mlops")
    assert (envelope.correlation, envelope.traceparent) == ("c-1", "00-a-b-01")


async def test_accepted_returns_when_the_broker_has_the_command() -> None:
    async with client(nothing) as gov:
        accepted = await gov.submit(RetirePolicy(policy="old"), "accepted", command_id="c-1")
    assert accepted == Accepted("c-1", "governance.policy.commands.v1", accepted.partition, 0)


async def test_audited_returns_the_walls_index_of_the_event() -> None:
    async with client(engine()) as gov:
        first = await gov.submit(RetirePolicy(policy="a"), "audited")
        second = await gov.submit(RetirePolicy(policy="b"), "audited")
    assert (first.index, second.index) == (0, 1)
    assert second.tree_size == 2
    assert second.decided.type == "governance.policy.retired"


async def test_a_receipt_that_comes_before_its_event_still_answers() -> None:
    scripted = engine()

    def backwards(command: Outgoing) -> Sequence[Received]:
        event, receipt = scripted(command)
        return receipt, event

    async with client(backwards) as gov:
        receipt = await gov.submit(RetirePolicy(policy="a"), "audited", timeout=5)
    assert receipt.index == 0


async def test_a_receipt_of_a_batch_gives_each_event_its_own_index() -> None:
    scripted = engine()
    lanes: list[Received] = []

    def batched(command: Outgoing) -> Sequence[Received]:
        lanes.append(scripted.event(command, *scripted._answer(command)))
        if len(lanes) < 3:
            return (lanes[-1],)
        receipt = scripted.receipt(lanes[0])
        body = {**_body(receipt), "next_lane_seq": 4, "first_index": 40, "next_index": 43}
        whole = Received(
            receipt.topic,
            receipt.partition,
            0,
            receipt.headers,
            encode("governance.audit.entry_written", body),
        )
        return lanes[-1], whole

    async with client(batched) as gov:
        receipts = await asyncio.gather(
            *(gov.submit(RetirePolicy(policy="same"), "audited", timeout=5) for _ in range(3))
        )
    assert sorted(r.index for r in receipts) == [40, 41, 42]
    assert all(r.index - 40 == r.decided.sequence - 1 for r in receipts)


async def test_a_rejection_is_an_error_with_its_reason() -> None:
    async with client(engine(rejections={"old": "policy_retired"})) as gov:
        with pytest.raises(Rejected) as caught:
            await gov.submit(RetirePolicy(policy="old"), command_id="c-7")
    assert (caught.value.reason, caught.value.command_id) == ("policy_retired", "c-7")


async def test_an_unknown_policy_has_an_error_of_its_own() -> None:
    async with client(engine(rejections={"nope": "unknown_policy", "asleep": "policy_not_active"})) as gov:
        for policy in ("nope", "asleep"):
            with pytest.raises(UnknownPolicy) as caught:
                await gov.evaluate(policy, {})
            assert caught.value.policy == policy


async def test_a_quarantined_command_is_an_error() -> None:
    async with client(engine(quarantines=frozenset({"poison"}))) as gov:
        with pytest.raises(Quarantined, match="poison"):
            await gov.evaluate("poison", {})


async def test_a_time_out_carries_the_command_id() -> None:
    async with client(nothing) as gov:
        with pytest.raises(TimedOut, match="/api/v1/commands/c-9") as caught:
            await gov.evaluate("gate", {}, timeout=0.01, command_id="c-9")
    assert caught.value.command_id == "c-9"


async def test_the_fallback_answers_when_the_engine_does_not() -> None:
    async with client(nothing) as gov:
        verdict = await gov.evaluate("gate", {}, timeout=0.01, fallback="deny")
    assert verdict.blocks
    assert verdict.fallback
    assert verdict.error == "timed_out"


async def test_an_answer_that_comes_late_is_there_for_the_retry() -> None:
    scripted, sent = engine(), list[Outgoing]()

    transport = InMemoryTransport(keeping(sent))
    async with GovernanceClient.over(transport, SENDER) as gov:
        with pytest.raises(TimedOut):
            await gov.evaluate("gate", {}, timeout=0.01, command_id="c-1")
        for record in scripted(sent[0]):
            await transport.log.append(record.topic, record.partition, record.headers, record.value)
        await asyncio.sleep(0.01)
        verdict = await gov.evaluate("gate", {}, timeout=1, command_id="c-1")
    assert verdict.denied
    assert len(sent) == 1


async def test_two_callers_of_one_command_are_both_answered() -> None:
    async with client(engine()) as gov:
        one, two = await asyncio.gather(
            gov.evaluate("gate", {}, command_id="same"), gov.evaluate("gate", {}, command_id="same")
        )
    assert one.decision_id == two.decision_id


async def test_a_cancelled_caller_leaves_the_other_one_waiting() -> None:
    scripted, sent = engine(), list[Outgoing]()
    transport = InMemoryTransport(keeping(sent))
    async with GovernanceClient.over(transport, SENDER) as gov:
        first = asyncio.create_task(gov.evaluate("gate", {}, command_id="same"))
        second = asyncio.create_task(gov.evaluate("gate", {}, command_id="same"))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.wait([first])
        for record in scripted(sent[0]):
            await transport.log.append(record.topic, record.partition, record.headers, record.value)
        assert (await second).denied
    assert first.cancelled()


async def test_a_published_again_event_answers_nobody_twice() -> None:
    scripted = engine()
    async with client(lambda command: (*(answer := scripted(command)), *answer)) as gov:
        verdict = await gov.evaluate("gate", {})
        assert (await gov.evaluate("open", {})).allowed
    assert verdict.denied


async def test_closing_ends_every_wait() -> None:
    async with client(nothing) as gov:
        waiting = asyncio.create_task(gov.evaluate("gate", {}, timeout=30))
        await asyncio.sleep(0.01)
    with pytest.raises(Closed):
        await waiting
    with pytest.raises(Closed):
        await gov.evaluate("gate", {})


async def test_a_lost_connection_ends_every_wait() -> None:
    class Lost(InMemoryTransport):
        async def receive(self) -> Sequence[Received]:
            await asyncio.sleep(0.02)
            raise Unreachable("gone")

    async with GovernanceClient.over(Lost(nothing), SENDER) as gov:
        with pytest.raises(Unreachable, match="gone"):
            await gov.evaluate("gate", {}, timeout=30)


async def test_an_answer_that_cannot_be_read_ends_the_wait_with_the_cause() -> None:
    scripted = engine()

    def garbled(command: Outgoing) -> Sequence[Received]:
        event = scripted(command)[0]
        return (Received(event.topic, event.partition, 0, event.headers, b"\xc3\x01garbage"),)

    async with client(garbled) as gov:
        with pytest.raises(Unreachable, match="unknown_schema"):
            await gov.evaluate("gate", {}, timeout=30)


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


def test_the_client_bounds_commands_as_the_engine_does() -> None:
    assert command.MAX_COMMAND_BYTES == reading.MAX_COMMAND_BYTES


async def test_a_guarded_function_is_called_when_the_policy_allows() -> None:
    asked: list[object] = []

    def watch(policy: str, document: Mapping[str, object]) -> Literal["allow", "deny"]:
        asked.append(document)
        return "allow"

    async with client(ScriptedEngine(watch)) as gov:

        @gov.guard("open", resource=lambda model, stage="prod": f"model/{model}")
        async def promote(model: str, stage: str = "prod") -> str:
            return f"{model} promoted to {stage}"

        assert await promote("m-17") == "m-17 promoted to prod"
    assert asked == [{"model": "m-17", "stage": "prod"}]


async def test_a_guarded_function_is_not_called_when_the_policy_denies() -> None:
    called: list[str] = []
    async with client(engine()) as gov:

        @gov.guard("gate", input=lambda model: {"id": model})
        async def promote(model: str) -> None:
            called.append(model)

        with pytest.raises(Denied, match="scripted"):
            await promote("m-17")
    assert called == []


async def test_a_guard_without_an_answer_stays_shut() -> None:
    async with client(nothing) as gov:

        @gov.guard("gate", timeout=0.01)
        async def promote() -> None:
            pytest.fail("called without a decision")

        with pytest.raises(TimedOut):
            await promote()


async def test_an_advisory_deny_does_not_stop_a_guarded_function() -> None:
    scripted = engine()

    def advisory(command: Outgoing) -> Sequence[Received]:
        body = {
            **scripted._evaluated(envelope_of(command.headers), _body_of(command)),
            "enforcement": "advisory",
        }
        return (scripted.event(command, "governance.policy.evaluated", body),)

    async with client(advisory) as gov:

        @gov.guard("gate")
        async def promote() -> str:
            return "done"

        assert await promote() == "done"
        assert (await gov.evaluate("gate", {})).denied


def _body(record: Received) -> dict[str, object]:
    return dict(decode(envelope_of(record.headers).type, record.value))


def _body_of(command: Outgoing) -> dict[str, object]:
    return dict(decode(Evaluate.TYPE, command.value))
