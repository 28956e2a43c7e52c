"""Whose command it is, and whose settings hold, reaches the decision of a policy command."""

from agents.lanes.memory import MemoryStore
from agents.tenant_settings import AllTenants, TenantSettings
from schemas.models import ActivatePolicy, CreatePolicy
from tests.agents.commands import TENANT, activate, create
from tests.agents.commands import record as record_of
from tests.agents.ports.desk import Desk

STRICT = AllTenants(TenantSettings(), {TENANT: TenantSettings(four_eyes=True)})


async def test_four_eyes_holds_for_the_tenant_that_settled_it_and_for_the_author_alone() -> None:
    desk = Desk(MemoryStore(), settings=STRICT)

    async def say(command_id: str, tenant: str, actor: str, made: CreatePolicy | ActivatePolicy) -> list[str]:
        sent = desk.broker.append(record_of(made, command_id, tenant=tenant, actor=actor))
        committed = await desk.decide([sent])
        return [event.happened.type for events in committed.events.values() for event in events]

    for tenant in (TENANT, "other"):
        await say(f"{tenant}-1", tenant, "author", create())
    assert await say("a-2", TENANT, "author", activate()) == ["governance.policy.command_rejected"]
    assert await say("a-3", TENANT, "reviewer", activate()) == ["governance.policy.activation_requested"]
    assert await say("o-2", "other", "author", activate()) == ["governance.policy.activation_requested"]
