"""A person's fields on the whole system: sealed first, read with authority, then never again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import devstack
from audit_sink.ledger.proof_file import read_proof_file
from audit_sink.verify.__main__ import HELD, main
from client.api import Json, ReadApi
from client.errors import ApiRefused
from client.governance import GovernanceClient
from devstack.demo.servers import Servers
from projections.tokens import mint
from schemas.models import ApproveErasure, CreatePolicy, EraseSubject
from tests.conftest import ENCRYPTING
from tests.ledger import signed_up, verified
from tests.system.acting import active, entry
from tests.system.example import GATE_SOURCE

NAME = "Ada Lovelace"
TOKEN_S = 600


def person(who: str, name: str = NAME) -> dict[str, object]:
    return {"ok": True, "user": {"id": who, "name": name}}


@asynccontextmanager
async def reading(servers: Servers, *scopes: str) -> AsyncIterator[ReadApi]:
    """The read API with these scopes."""
    token = mint(servers.token_key, ENCRYPTING, "reader", scopes, TOKEN_S)
    async with ReadApi.connect(servers.api_url, lambda: token) as api:
        yield api


@pytest.fixture
async def authorised(servers: Servers) -> AsyncIterator[ReadApi]:
    async with reading(servers, "governance:read", "audit:read", "personal:read") as api:
        yield api


@pytest.fixture
async def plain(servers: Servers) -> AsyncIterator[ReadApi]:
    async with reading(servers, "governance:read", "audit:read") as api:
        yield api


@pytest.fixture
async def asking(servers: Servers) -> AsyncIterator[GovernanceClient]:
    async with GovernanceClient.connect(servers.kafka, ENCRYPTING, "svc-hr") as client:
        yield client


async def shown(api: ReadApi, decision_id: str) -> object:
    """The name, as the read API shows it."""
    return (await api.get(f"/api/v1/decisions/{decision_id}"))["input"]["user"]["name"]


async def refused(api: ReadApi, decision_id: str) -> None:
    """An explanation needs the input, which this reader cannot have."""
    with pytest.raises(ApiRefused) as found:
        await explained(api, decision_id)
    assert found.value.status == 409


async def explained(api: ReadApi, decision_id: str) -> Json:
    return await api.get(f"/api/v1/decisions/{decision_id}/explanation")


async def test_an_erased_persons_fields_are_unreadable_and_every_proof_holds(
    asking: GovernanceClient,
    authorised: ReadApi,
    plain: ReadApi,
    servers: Servers,
    system: devstack.Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = CreatePolicy(name="hiring", rego_content=GATE_SOURCE, personal_fields=["/user/name"])
    await active(asking, plain, policy)
    theirs = await asking.evaluate("hiring", person("u-1"))
    others = await asking.evaluate("hiring", person("u-2", "Grace Hopper"))
    pseudonym = await shown(plain, theirs.decision_id)
    assert isinstance(pseudonym, dict)
    assert await shown(authorised, theirs.decision_id) == NAME
    assert await shown(authorised, others.decision_id) == "Grace Hopper"
    assert [each["same"] for each in (await explained(authorised, theirs.decision_id))["policies"]] == [True]
    await refused(plain, theirs.decision_id)
    before = await entry(plain, theirs.decision_id)
    assert NAME not in json.dumps(before)
    await signed_up(system)
    proof = tmp_path / "before.tlog-proof"
    for variable, value in system.environment().items():
        monkeypatch.setenv(variable, value)
    assert await asyncio.to_thread(main, ["prove", str(before["index"]), "--out", str(proof)]) == HELD
    assert NAME.encode() not in (read_proof_file(proof.read_bytes()).extra or b"")

    request = await asking.submit(EraseSubject(person="u-1", authority="DSR-7", reason="asked for"))
    async with GovernanceClient.connect(servers.kafka, ENCRYPTING, "privacy-office") as second:
        erased = await second.submit(ApproveErasure(request=request.event_id), until="audited")
    assert await shown(authorised, theirs.decision_id) == pseudonym
    assert await shown(authorised, others.decision_id) == "Grace Hopper"
    await refused(authorised, theirs.decision_id)
    later = await asking.evaluate("hiring", person("u-1", "Ada again"))
    assert await shown(authorised, later.decision_id) == "***"

    said = await entry(plain, erased.decided.event_id)
    assert said["event_type"] == "audit.erasure"
    assert said["details"]["pseudonym"] == pseudonym["$personal"]
    assert len(said["details"]["commitment"]) == 64
    assert (await entry(plain, theirs.decision_id))["leaf_hash"] == before["leaf_hash"]
    await signed_up(system)
    assert await asyncio.to_thread(_verified, proof, system) == HELD
    report = await asyncio.to_thread(verified, system, "--source")
    assert report["holds"], report


def _verified(proof: Path, system: devstack.Stack) -> int:
    return main(["verify", str(proof), "--trust", system.environment()["AUMOS_GOVERNANCE_LOG_TRUST"]])
