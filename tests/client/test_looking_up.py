"""Answers that are looked up in the read API instead of heard."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from client.api import PAGE, ReadApi
from client.command import Sender
from client.errors import ApiRefused, Rejected, TimedOut, Unreachable
from client.governance import GovernanceClient
from client.memory import InMemoryTransport
from client.outcome import Decided, Receipt
from schemas.models import RetirePolicy

SENDER = Sender("acme", "svc", "svc")
DECIDED = Decided("c-1", "e-1", "governance.policy.retired", "policy/p", "", "t", 0, 7, {})


class Known:
    """Outcomes that are known after some failed look-ups."""

    def __init__(self, decided: Decided | None, receipt: Receipt | None = None, failures: int = 0) -> None:
        self.asked = 0
        self._decided, self._receipt, self._failures = decided, receipt, failures

    async def decided(self, command_id: str, source: str) -> Decided | None:
        self.asked += 1
        if self.asked <= self._failures:
            raise Unreachable("not now")
        assert source == "svc"
        return self._decided

    async def receipt(self, decided: Decided) -> Receipt | None:
        return self._receipt


async def test_a_repeated_command_is_answered_although_the_engine_says_nothing() -> None:
    known = Known(DECIDED, failures=1)
    async with GovernanceClient.over(InMemoryTransport(), SENDER, known) as gov:
        assert await gov.submit(RetirePolicy(policy="p"), command_id="c-1", timeout=5) == DECIDED
    assert known.asked == 2


async def test_a_repeated_command_finds_its_receipt() -> None:
    receipt = Receipt(DECIDED, 41, None, None)
    async with GovernanceClient.over(InMemoryTransport(), SENDER, Known(DECIDED, receipt)) as gov:
        assert await gov.submit(RetirePolicy(policy="p"), "audited", command_id="c-1", timeout=5) == receipt


async def test_a_new_command_is_not_looked_up() -> None:
    known = Known(DECIDED)
    async with GovernanceClient.over(InMemoryTransport(), SENDER, known) as gov:
        with pytest.raises(TimedOut):
            await gov.submit(RetirePolicy(policy="p"), timeout=0.4)
    assert known.asked == 0


async def test_a_command_that_nobody_knows_times_out() -> None:
    async with GovernanceClient.over(InMemoryTransport(), SENDER, Known(None)) as gov:
        with pytest.raises(TimedOut):
            await gov.submit(RetirePolicy(policy="p"), command_id="c-1", timeout=0.4)


async def test_another_name_shares_the_connection() -> None:
    transport = InMemoryTransport()
    async with GovernanceClient.over(transport, SENDER) as gov:
        other = gov.acting(Sender("globex", "other", "other"))
        await asyncio.gather(*(each.submit(RetirePolicy(policy="p"), "accepted") for each in (gov, other)))
    tenants = {dict(sent.headers)["ce_tenantid"] for sent in transport.sent}
    assert tenants == {b"acme", b"globex"}


EVENT = {
    "event_id": "e-1",
    "type": "governance.policy.command_rejected",
    "resource": "policy/p",
    "occurred_at": "2026-01-01T00:00:00.000000Z",
    "lane": {"topic": "governance.policy.events.v1", "partition": 2},
    "sequence": 5,
}
REJECTED = {"events": [EVENT], "reason": "policy_retired", "detail": "it is", "findings": []}
EVALUATED = {**REJECTED, "events": [{**EVENT, "type": "governance.policy.evaluated"}]}
DECISION = {
    "decision_id": "e-1",
    "policy": "gate",
    "policy_version": 3,
    "resource": "r",
    "outcome": "deny",
    "basis": "policy",
    "error": "",
    "reasons": ["no card"],
    "result": {"allow": False},
    "enforcement": "mandatory",
    "answer": "deny",
    "obligations": [{"log": "full"}],
}


def answering(pages: dict[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer secret"
        found = pages.get(request.url.raw_path.decode())
        if found is None:
            problem = {"title": "Not found", "detail": "There is no such thing."}
            return httpx.Response(404, content=orjson.dumps(problem))
        if isinstance(found, int):
            return httpx.Response(found, content=b"{}")
        return httpx.Response(200, content=orjson.dumps(found))

    return answer


def api(pages: dict[str, Any]) -> Any:
    return ReadApi.connect("http://api", lambda: "secret", httpx.MockTransport(answering(pages)))


async def test_a_rejection_is_looked_up_with_its_reason() -> None:
    async with (
        api({"/api/v1/commands/c%2F1?source=svc": REJECTED}) as outcomes,
        GovernanceClient.over(InMemoryTransport(), SENDER, outcomes) as gov,
    ):
        with pytest.raises(Rejected, match="policy_retired") as caught:
            await gov.submit(RetirePolicy(policy="p"), command_id="c/1", timeout=5)
    assert caught.value.event_id == "e-1"


async def test_a_decision_is_looked_up_whole() -> None:
    pages = {"/api/v1/commands/c-1?source=svc": EVALUATED, "/api/v1/decisions/e-1": DECISION}
    async with api(pages) as outcomes, GovernanceClient.over(InMemoryTransport(), SENDER, outcomes) as gov:
        verdict = await gov.evaluate("gate", {}, command_id="c-1")
    assert verdict.denied
    assert (verdict.version, verdict.reasons, verdict.result) == (3, ("no card",), {"allow": False})
    assert (verdict.answer, verdict.obligations) == ("deny", ({"log": "full"},))


async def test_an_unknown_command_has_no_outcome_yet() -> None:
    async with api({"/api/v1/commands/c-1?source=svc": {"events": []}}) as outcomes:
        assert await outcomes.decided("c-1", "svc") is None
        assert await outcomes.decided("c-2", "svc") is None


async def test_the_wall_tells_where_an_event_stands() -> None:
    pages = {"/api/v1/audit-trail?event_id=e-1": {"items": [{"index": 9}], "next": None}}
    async with api(pages) as outcomes:
        assert await outcomes.receipt(DECIDED) == Receipt(DECIDED, 9, None, None)


async def test_a_list_is_read_page_by_page_up_to_the_limit() -> None:
    pages = {
        "/things?limit=3": {"items": [1, 2], "next": "/things?cursor=x"},
        "/things?cursor=x": {"items": [3, 4], "next": "/things?cursor=y"},
    }
    async with api(pages) as reader:
        assert [item async for item in reader.items("/things", {}, 3)] == [1, 2, 3]


async def test_a_list_ends_with_its_last_page() -> None:
    async with api({f"/things?limit={PAGE}": {"items": [1], "next": None}}) as reader:
        assert [item async for item in reader.items("/things", {}, 500)] == [1]


@pytest.mark.parametrize("status", [500, 503])
async def test_a_broken_api_is_unreachable(status: int) -> None:
    async with api({"/x": status}) as reader:
        with pytest.raises(Unreachable):
            await reader.get("/x")


@pytest.mark.parametrize("status", [401, 403, 422])
async def test_a_refusal_of_the_api_is_one(status: int) -> None:
    async with api({"/x": status}) as reader:
        with pytest.raises(ApiRefused) as caught:
            await reader.get("/x")
    assert caught.value.status == status


async def test_an_api_that_does_not_listen_is_unreachable() -> None:
    async with ReadApi.connect("http://127.0.0.1:1", lambda: "secret") as reader:
        with pytest.raises(Unreachable):
            await reader.get("/x")
