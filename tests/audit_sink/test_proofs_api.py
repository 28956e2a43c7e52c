"""Proofs over HTTP: what the read endpoint answers, checked as an outsider would."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from audit_sink.api.app import create_app
from audit_sink.api.settings import ApiSettings
from audit_sink.ledger.proof_file import read_proof_file
from audit_sink.ledger.proofs import check_consistency, check_inclusion
from audit_sink.ledger.tree import RightEdge
from audit_sink.postgres import PostgresWall
from audit_sink.verify.proof import check_proof
from projections.tokens import TokenSettings
from schemas.leaf import encode_entry, leaf_hash
from tests.audit_sink.batches import Log
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import events
from tests.audit_sink.signed_wall import LANE, TRUST, Signed
from tests.audit_sink.test_api import KEY, Asker

pytestmark = pytest.mark.stack

ENTRIES = 1_300
TENANTS = ("acme", "other")
ODD = r"o'brien\'; SET audit.tenant=other --"


@pytest.fixture(scope="module")
def signed(module_wall: WallDatabase) -> Signed:
    """Full and partial tiles of two levels, two tenants that take turns, all of it signed."""
    signed = Signed(module_wall)
    asyncio.run(signed.grow((500, ENTRIES)))
    return signed


@pytest.fixture
async def acme(signed: Signed) -> AsyncIterator[Asker]:
    settings = ApiSettings.model_validate({"AUMOS_GOVERNANCE_AUDIT_DB_URL": signed.database.reader})
    app: FastAPI = create_app(settings, TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": KEY}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sink") as client,
    ):
        yield Asker(client, "acme")


@pytest.fixture
async def unsigned(wall_database: WallDatabase) -> AsyncIterator[Asker]:
    """Asks for a tenant of a wall that no notary has seen, where two take turns."""
    async with PostgresWall(wall_database.writer, 3) as wall:
        assert await wall.try_lead() is not None
        await wall.append(Log().of(events(LANE, 1, 300, (ODD, "other"))))
    settings = ApiSettings.model_validate({"AUMOS_GOVERNANCE_AUDIT_DB_URL": wall_database.reader})
    app = create_app(settings, TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": KEY}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sink") as client,
    ):
        yield Asker(client, ODD)


def leaves() -> list[bytes]:
    """The hashes of the events; the notary's statements follow them."""
    return [leaf_hash(encode_entry(each)[0]) for each in events(LANE, 1, ENTRIES, TENANTS)]


def root(size: int) -> bytes:
    return RightEdge().extend(leaves()[:size]).root()


async def test_the_checkpoint_is_the_notarys_note(acme: Asker, signed: Signed) -> None:
    answer = await acme.get("/checkpoint")
    assert answer.content == signed.shelf.objects["edge/checkpoint"]
    assert TRUST.checkpoint(answer.content).size == signed.log.state.edge.size


@pytest.mark.parametrize("size", [2, 256, 257, 700, 1_024, ENTRIES])
async def test_an_inclusion_proof_verifies_for_every_tree_that_has_the_entry(acme: Asker, size: int) -> None:
    for index in (1, 255, 511, 699, 1_299):
        answer = await acme.get(f"/entries/{index}/proof", size=size)
        if index >= size:
            assert answer.status_code == 422
            continue
        proof = answer.json()
        hashes = [bytes.fromhex(each) for each in proof["hashes"]]
        check_inclusion(bytes.fromhex(proof["leaf_hash"]), index, size, hashes, root(size))


async def test_evidence_is_a_file_that_holds_offline(acme: Asker, signed: Signed) -> None:
    answer = await acme.get("/entries/777/evidence")
    assert answer.headers["content-disposition"] == 'attachment; filename="777.tlog-proof"'
    file = read_proof_file(answer.content)
    assert check_proof(file, TRUST).size == signed.log.state.edge.size
    assert file.extra == encode_entry(events(LANE, 778, 778, TENANTS)[0])[0]


@pytest.mark.parametrize(
    ("old", "new"), [(0, 5), (1, 1_300), (256, 512), (500, 1_300), (700, 700), (1_023, 1_025)]
)
async def test_a_consistency_proof_verifies_between_any_two_sizes(acme: Asker, old: int, new: int) -> None:
    headers = (await acme.get("/checkpoint")).request.headers
    answer = await acme.client.get("/consistency", params={"from": old, "to": new}, headers=headers)
    hashes = [bytes.fromhex(each) for each in answer.json()["hashes"]]
    check_consistency(old, new, root(old), root(new), hashes)


async def test_another_tenants_entry_has_no_proof(acme: Asker) -> None:
    for what in ("proof", "evidence"):
        foreign, absent = await acme.get(f"/entries/0/{what}"), await acme.get(f"/entries/999999/{what}")
        assert (foreign.status_code, absent.status_code) == (404, 404)
        assert foreign.json()["detail"] == absent.json()["detail"]


async def test_sizes_that_the_log_has_not_are_refused(acme: Asker) -> None:
    headers = (await acme.get("/checkpoint")).request.headers
    assert (await acme.get("/entries/1/proof", size=99_999)).status_code == 422
    for query in ({"from": 5, "to": 4}, {"from": 0, "to": 99_999}, {"from": -1, "to": 4}, {"to": 4}):
        assert (await acme.client.get("/consistency", params=query, headers=headers)).status_code == 422


async def test_without_a_checkpoint_there_is_none_to_be_had(unsigned: Asker) -> None:
    assert (await unsigned.get("/checkpoint")).status_code == 404
    assert (await unsigned.get("/entries/3/proof")).status_code == 404


async def test_a_tree_that_is_not_signed_yet_has_proofs(unsigned: Asker) -> None:
    size = 298
    every = [leaf_hash(encode_entry(each)[0]) for each in events(LANE, 1, 300, (ODD, "other"))]
    proof = (await unsigned.get("/entries/297/proof", size=size)).json()
    hashes = [bytes.fromhex(each) for each in proof["hashes"]]
    check_inclusion(every[297], 297, size, hashes, RightEdge().extend(every[:size]).root())


async def test_no_name_of_a_tenant_is_read_as_sql(unsigned: Asker) -> None:
    assert await unsigned.indexes(order="asc", limit=2) == [1, 3]
    assert (await unsigned.get("/entries/2/proof", size=300)).status_code == 404
