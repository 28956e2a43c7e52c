"""A corrected entry and its corrections are shown together, on a real wall."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from audit_sink.api.app import create_app
from audit_sink.api.settings import ApiSettings
from audit_sink.append import prepare
from audit_sink.notary.memory import KeptNote, MemoryShelf
from audit_sink.notary.postgres import opened
from audit_sink.postgres import PostgresWall
from audit_sink.wall import EMPTY_LOG, Lane
from projections.tokens import TokenSettings
from tests.audit_sink.batches import fresh_trees, run_of_all
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import correction, event
from tests.audit_sink.signed_wall import notary
from tests.audit_sink.test_api import KEY, Asker

LANE = Lane("governance.policy.events.v1", 0)
WRONG = event(LANE, 1)
THEIRS = event(LANE, 2, "other")
FIRST = correction(3, WRONG)
AGAIN = correction(4, FIRST)
SECOND = correction(5, WRONG)
OF_THEIRS = correction(6, THEIRS)
FALSE = correction(7, WRONG, leaf_hash="00" * 32)
RECORDS = [WRONG, THEIRS, FIRST, AGAIN, SECOND, OF_THEIRS, FALSE]
"""Each at the index that is one below its sequence."""


@pytest.fixture(scope="module")
def wall(module_wall: WallDatabase) -> WallDatabase:
    async def fill() -> None:
        async with PostgresWall(module_wall.writer, 3) as store:
            assert await store.try_lead() is not None
            await store.append(prepare(EMPTY_LOG, [run_of_all(RECORDS, next_offset=9)], fresh_trees()))
        async with opened(module_wall.notary) as reader:
            await notary(reader, MemoryShelf(), KeptNote()).round()

    asyncio.run(fill())
    return module_wall


@pytest.fixture
async def acme(wall: WallDatabase) -> AsyncIterator[Asker]:
    settings = ApiSettings.model_validate({"AUMOS_GOVERNANCE_AUDIT_DB_URL": wall.reader})
    app = create_app(settings, TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": KEY}))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://sink") as client,
    ):
        yield Asker(client, "acme")


async def test_an_entry_shows_what_corrects_it_and_a_correction_what_it_corrects(acme: Asker) -> None:
    wrong = (await acme.get("/entries/0")).json()
    assert [each["index"] for each in wrong["corrections"]] == [2, 4]
    assert wrong["corrects"] is None
    first = (await acme.get("/entries/2")).json()
    assert wrong["corrections"][0] == {
        "index": 2,
        "event_id": first["event_id"],
        "occurred_at": first["occurred_at"],
        "reason": "wrong version",
        "details": {"version": 2.0},
        "requester": "ann",
        "approver": "bob",
        "leaf_hash": first["leaf_hash"],
    }
    assert first["corrects"] == {
        "index": 0,
        "event_id": wrong["event_id"],
        "event_type": "governance.policy.retired",
        "occurred_at": wrong["occurred_at"],
        "leaf_hash": wrong["leaf_hash"],
    }
    assert [each["index"] for each in first["corrections"]] == [3]


async def test_lists_show_them_too_whichever_of_them_a_page_has(acme: Asker) -> None:
    items = (await acme.get("/entries", order="asc")).json()["items"]
    assert {e["index"]: [c["index"] for c in e["corrections"]] for e in items} == {
        0: [2, 4],
        2: [3],
        3: [],
        4: [],
        6: [],
    }
    (alone,) = (await acme.get("/entries", order="asc", limit=1)).json()["items"]
    assert [each["index"] for each in alone["corrections"]] == [2, 4]
    corrections = (await acme.get("/entries", order="asc", type="audit.correction")).json()["items"]
    assert [each["corrects"] and each["corrects"]["index"] for each in corrections] == [0, 2, 0, None]


async def test_a_correction_of_another_leaf_is_not_shown_as_one(acme: Asker) -> None:
    false = (await acme.get("/entries/6")).json()
    assert false["event_type"] == "audit.correction"
    assert false["corrects"] is None


async def test_a_tenant_sees_its_own_corrections_and_an_auditor_of_all_every_one(acme: Asker) -> None:
    other = replace(acme, tenant="other")
    assert [c["index"] for c in (await other.get("/entries/1")).json()["corrections"]] == [5]
    assert (await acme.get("/entries/5")).status_code == 404
    items = (await acme.get("/entries", "audit:all", order="asc")).json()["items"]
    assert [[c["index"] for c in each["corrections"]] for each in items[:2]] == [[2, 4], [5]]


async def test_evidence_names_the_evidence_that_belongs_beside_it(acme: Asker) -> None:
    assert (await acme.get("/entries/0/evidence")).headers.get_list("link") == [
        '</entries/2/evidence>; rel="related"; title="corrected by"',
        '</entries/4/evidence>; rel="related"; title="corrected by"',
    ]
    assert (await acme.get("/entries/2/evidence")).headers.get_list("link") == [
        '</entries/3/evidence>; rel="related"; title="corrected by"',
        '</entries/0/evidence>; rel="related"; title="corrects"',
    ]
    assert "link" not in (await acme.get("/entries/6/evidence")).headers
