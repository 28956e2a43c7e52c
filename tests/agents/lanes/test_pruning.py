"""A pruning is proposed by one operator and approved by another; only then does the log say so."""

from agents.lanes.memory import MemoryStore
from agents.lanes.ports import EventRow
from schemas.identity import OPERATOR_TENANT
from schemas.models import ApprovePruning, Command, PruneEntries
from tests.agents.commands import record
from tests.agents.ports.desk import Desk

PRUNE = PruneEntries(
    first_index=0,
    end_index=1 << 20,
    root="ab" * 32,
    export_digest="cd" * 32,
    authority="retention schedule",
    reason="",
)


async def said(desk: Desk, command: Command, command_id: str, actor: str, tenant: str) -> EventRow:
    sent = desk.broker.append(record(command, command_id, tenant=tenant, actor=actor))
    (events,) = (await desk.decide([sent])).events.values()
    return events[0]


async def test_two_operators_let_a_range_be_pruned_and_no_tenant_does() -> None:
    desk = Desk(MemoryStore())
    foreign = await said(desk, PRUNE, "p-0", "ann", "acme")
    assert foreign.happened.body["reason"] == "wrong_tenant"
    request = await said(desk, PRUNE, "p-1", "ann", OPERATOR_TENANT)
    assert request.happened.type == "governance.compliance.pruning_requested"
    approve = ApprovePruning(request=request.happened.event_id)
    alone = await said(desk, approve, "p-2", "ann", OPERATOR_TENANT)
    assert alone.happened.body["reason"] == "needs_second_actor"
    retention = await said(desk, approve, "p-3", "bob", OPERATOR_TENANT)
    assert retention.happened.type == "audit.retention"
    assert retention.happened.body == {
        **PRUNE.model_dump(),
        "requester": "ann",
        "approver": "bob",
        "request": request.happened.event_id,
    }
    again = await said(desk, approve, "p-4", "cid", OPERATOR_TENANT)
    assert again.happened.body["reason"] == "already_approved"
    other = ApprovePruning(request=retention.happened.event_id)
    unknown = await said(desk, other, "p-5", "cid", OPERATOR_TENANT)
    assert unknown.happened.body["reason"] == "unknown_request"
