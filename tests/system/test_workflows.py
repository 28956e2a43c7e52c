"""A workflow on the running system: two persons drive it to its collection, the engine fires its timer."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import devstack
from client.api import Json, ReadApi
from client.broker import Broker
from client.command import Sender
from client.errors import Rejected
from client.governance import GovernanceClient
from client.kafka import KafkaTransport
from devstack.demo.servers import Servers
from schemas.models import (
    AdvanceWorkflow,
    CancelWorkflow,
    Command,
    CreateWorkflow,
    DecideApplicability,
    FireTimer,
)
from tests.system.acting import until

NAME: Final = "ISO 42001 Annual Assessment 2026"
ANNEX: Final = "A.2.2"
FIRED: Final = "governance.compliance.timer.fired"


def person(gov: GovernanceClient, tenant: str, name: str) -> GovernanceClient:
    """The client of somebody of the tenant."""
    return gov.acting(Sender(tenant, name, "compliance-desk"))


async def reason(client: GovernanceClient, command: Command) -> str:
    """Why a command is refused."""
    try:
        decided = await client.submit(command)
    except Rejected as rejected:
        return rejected.reason
    raise AssertionError(f"{decided} was accepted")


async def trail(api: ReadApi, workflow: str, last: str) -> list[str]:
    """What the wall holds of a workflow, newest first, once the last word on it is there."""

    async def written() -> Json | None:
        page = await api.get("/api/v1/audit-trail", {"resource": workflow})
        return page if any(item["event_type"] == last for item in page["items"]) else None

    return [
        str(item["event_type"]).removeprefix("governance.compliance.")
        for item in (await until(written))["items"]
    ]


def over() -> CreateWorkflow:
    """A workflow whose period is over already."""
    start = datetime.now(UTC).date() - timedelta(days=400)
    return CreateWorkflow(name=NAME, regulation="iso42001", period_start=start.isoformat(), period_months=1)


async def test_a_workflow_is_driven_to_its_collection(
    gov: GovernanceClient, api: ReadApi, tenant: str
) -> None:
    ann, bob = person(gov, tenant, "ann"), person(gov, tenant, "bob")
    created = await ann.submit(CreateWorkflow(name=NAME, regulation="iso42001"))
    exclusion = DecideApplicability(workflow=NAME, controls=[ANNEX], applicable=False, reason="not done here")
    await ann.submit(exclusion)
    assert await reason(ann, exclusion) == "same_person"
    await bob.submit(exclusion)
    await ann.submit(AdvanceWorkflow(workflow=NAME, transition="begin"))
    assert (
        await reason(ann, AdvanceWorkflow(workflow=NAME, transition="start_assessment"))
        == "guard_not_available"
    )
    await ann.submit(CancelWorkflow(workflow=NAME, reason="enough"), until="audited")
    assert (await trail(api, created.subject, created.type))[::-1] == [
        "workflow.created",
        "workflow.applicability_decided",
        "command_rejected",
        "workflow.applicability_decided",
        "workflow.status_changed",
        "workflow.assigned",
        "workflow.status_changed",
        "workflow.applicability_decided",
        "workflow.status_changed",
        "command_rejected",
        "workflow.status_changed",
    ]


async def test_the_engine_fires_a_timer_that_is_due_and_nobody_else_can(
    servers: Servers, gov: GovernanceClient, api: ReadApi, tenant: str
) -> None:
    created = await gov.submit(over())
    assert (await trail(api, created.subject, FIRED))[::-1] == ["workflow.created", "timer.fired"]
    fire = FireTimer(workflow=NAME, name="period_end", generation=2, due_at="2026-01-01T00:00:00Z")
    forger = Sender(tenant, "eve", "eve", bytes(32))
    async with GovernanceClient.over(KafkaTransport(Broker(servers.kafka)), forger) as forging:
        assert await reason(forging, fire) == "forged"


async def test_a_timer_that_was_due_while_no_scheduler_ran_is_fired_once_after_its_start(
    system: devstack.Stack, gov: GovernanceClient, api: ReadApi
) -> None:
    assert await asyncio.to_thread(system.kill, "background")
    try:
        created = await gov.submit(over())
    finally:
        await asyncio.to_thread(system.start, "background")
    await trail(api, created.subject, FIRED)
    await asyncio.to_thread(system.restart, "background")
    await gov.submit(CancelWorkflow(workflow=NAME), until="audited")
    found = await trail(api, created.subject, "governance.compliance.workflow.status_changed")
    assert found[::-1] == ["workflow.created", "timer.fired", "workflow.status_changed"]
