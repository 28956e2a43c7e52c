"""What a caller of the client sees, over the transport in memory."""

import asyncio
from collections.abc import Sequence

import pytest

from client.errors import (
    Closed,
    Quarantined,
    Rejected,
    TimedOut,
    UnknownPolicy,
    Unreachable,
)
from client.governance import GovernanceClient
from client.memory import InMemoryTransport
from client.outcome import Accepted
from client.transport import Outgoing, Received
from schemas.codec import encode
from schemas.envelope import envelope_of
from schemas.identity import partition_for
from schemas.models import Evaluate, RetirePolicy
from schemas.topics import topics
from tests.client.calls import SENDER, body_of, client, engine, keeping, nothing


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


async def test_every_partition_gets_the_commands_of_its_keys() -> None:
    transport, count = InMemoryTransport(), topics().commands("evaluation").partitions
    async with GovernanceClient.over(transport, SENDER) as gov:
        for n in range(100):
            command = Evaluate(policy="gate", input=b"{}", resource=f"model/{n}")
            await gov.submit(command, "accepted")
    assert {sent.partition for sent in transport.sent} == set(range(count))
    assert all(sent.partition == partition_for(sent.key, count) for sent in transport.sent)


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
        body = {**body_of(receipt), "next_lane_seq": 4, "first_index": 40, "next_index": 43}
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
