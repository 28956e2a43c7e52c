"""The client before the real engine: Kafka, Postgres, OPA, worker, bundle service, sink, read API."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from client.api import ReadApi
from client.cli.settings import Settings
from client.consumer import Event, EventConsumer
from client.errors import Rejected, UnknownPolicy
from client.governance import GovernanceClient
from schemas.identity import new_command_id
from schemas.models import ActivatePolicy, CreatePolicy, RetirePolicy
from tests.client.conftest import REGO


@pytest.fixture
async def gov(environment: dict[str, str], tenant: str) -> AsyncIterator[GovernanceClient]:
    own = Settings.model_validate(environment)
    async with (
        ReadApi.connect(own.api(), lambda: own.bearer(tenant)) as outcomes,
        GovernanceClient.connect(
            environment["AUMOS_KAFKA_BOOTSTRAP_SERVERS"], tenant, "tests", outcomes=outcomes
        ) as client,
    ):
        yield client


@pytest.fixture
async def gate(gov: GovernanceClient) -> str:
    """An active policy."""
    await gov.submit(CreatePolicy(name="gate", rego_content=REGO))
    await gov.submit(ActivatePolicy(policy="gate", version=1))
    async with asyncio.timeout(30):
        while True:
            try:
                await gov.evaluate("gate", {"score": 1})
            except UnknownPolicy:
                await asyncio.sleep(0.1)
            else:
                return "gate"


async def test_a_decision_comes_back_to_the_caller_who_asked(gov: GovernanceClient, gate: str) -> None:
    verdicts = await asyncio.gather(
        *(gov.evaluate(gate, {"score": n / 100}, resource=f"model/{n}", timeout=30) for n in range(100))
    )
    assert [verdict.allowed for verdict in verdicts] == [n > 80 for n in range(100)]
    assert verdicts[0].reasons == ("score too low",)


async def test_a_receipt_names_the_entry_that_the_wall_holds(
    gov: GovernanceClient, gate: str, environment: dict[str, str], tenant: str
) -> None:
    receipt = await gov.submit(RetirePolicy(policy=gate), "audited", timeout=30)
    own = Settings.model_validate(environment)
    async with ReadApi.connect(own.api(), lambda: own.bearer(tenant)) as api:
        entry = await api.get(f"/api/v1/audit-trail/{receipt.index}")
    assert entry["event_id"] == receipt.decided.event_id
    assert receipt.tree_size is not None
    assert receipt.index < receipt.tree_size


async def test_a_command_sent_again_has_its_first_outcome(gov: GovernanceClient, gate: str) -> None:
    command, command_id = CreatePolicy(name="other", rego_content=REGO), new_command_id()
    first = await gov.submit(command, command_id=command_id)
    again = await gov.submit(command, command_id=command_id)
    assert again.event_id == first.event_id
    decision = await gov.evaluate(gate, {"score": 0}, resource="r", command_id="same")
    repeated = await gov.evaluate(gate, {"score": 0}, resource="r", command_id="same")
    assert (repeated.decision_id, repeated.reasons) == (decision.decision_id, decision.reasons)
    receipts = [await gov.submit(command, "audited", command_id=command_id) for _ in range(2)]
    assert receipts[0].index == receipts[1].index


async def test_a_rejection_names_its_reason_and_findings(gov: GovernanceClient) -> None:
    with pytest.raises(Rejected) as caught:
        await gov.submit(CreatePolicy(name="bad", rego_content="package p\nallow if {"))
    assert caught.value.reason == "invalid_rego"
    assert caught.value.findings


async def test_an_unknown_policy_is_an_error(gov: GovernanceClient) -> None:
    with pytest.raises(UnknownPolicy):
        await gov.evaluate("nowhere", {})


async def test_a_consumer_sees_every_sequence_once(
    gov: GovernanceClient, gate: str, environment: dict[str, str], tenant: str
) -> None:
    await gov.evaluate(gate, {"score": 0}, resource="model/last", command_id="the-last")
    seen: dict[tuple[str, int], list[int]] = {}
    async with EventConsumer.connect(environment["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]) as events:
        async with asyncio.timeout(30):
            async for event in events:
                seen.setdefault(event.place, []).append(event.sequence)
                if _is(event, tenant, "the-last"):
                    break
    assert all(found == list(range(found[0], found[0] + len(found))) for found in seen.values())


def _is(event: Event, tenant: str, command_id: str) -> bool:
    return (event.envelope.tenant, event.envelope.command_id) == (tenant, command_id)
