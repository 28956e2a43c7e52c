"""A tenant sees its own data only: on every path, and in the database under the reader's role."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from schemas.identity import policy_id
from tests.api.conftest import Api, Dsns, bearer
from tests.api.rows import Command, History, command

TABLES = ("inbox", "event", "quarantine", "policy", "policy_version", "decision")


@pytest.fixture
def other() -> str:
    """A second tenant."""
    return f"o-{uuid4().hex[:12]}"


@pytest.fixture
async def reader(dsns: Dsns) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection with the reader's role."""
    connection = await asyncpg.connect(dsns.reader)
    yield connection
    await connection.close()


async def populate(history: History, tenant: str) -> list[str]:
    """A row of each kind; paths that show them."""
    await history.policy(tenant, "gate")
    decided = await history.decision(tenant, "gate")
    rejected, parked = command(tenant, "policy"), command(tenant, "policy")
    await history.rejection(rejected, "no", "")
    await history.quarantined(parked, "parked", "parked")
    return [
        f"/api/v1/policies/{policy_id(tenant, 'gate')}",
        f"/api/v1/decisions/{decided.event_id}",
        f"/api/v1/commands/{decided.command_id}",
        f"/api/v1/commands/{rejected.id}",
        f"/api/v1/commands/{parked.id}",
    ]


async def test_another_tenants_ids_are_answered_like_ids_that_never_were(
    api: Api, history: History, tenant: str, other: str
) -> None:
    for path in await populate(history, tenant):
        assert (await api.client.get(path, headers=bearer(tenant))).status_code == 200
        foreign = await api.client.get(path, headers=bearer(other))
        never = await api.client.get(f"{path.rpartition('/')[0]}/{uuid4()}", headers=bearer(other))
        assert foreign.status_code == never.status_code == 404
        for response in (foreign, never):
            response.headers.pop("x-correlation-id")
        assert foreign.headers == never.headers
        assert foreign.json() | {"correlation_id": ""} == never.json() | {"correlation_id": ""}


async def test_another_tenants_rows_are_in_no_list(
    api: Api, history: History, tenant: str, other: str
) -> None:
    await populate(history, tenant)
    identity = policy_id(tenant, "gate")
    for path in ("policies", "decisions", "decisions?resource=model/m-17", f"decisions?policy={identity}"):
        assert (await api.client.get(f"/api/v1/{path}", headers=bearer(tenant))).json()["items"]
        assert (await api.client.get(f"/api/v1/{path}", headers=bearer(other))).json()["items"] == []


async def test_one_command_id_of_two_tenants_is_two_commands(
    api: Api, history: History, tenant: str, other: str
) -> None:
    mine = command(tenant, "policy")
    theirs = Command(other, "policy", mine.id)
    await history.rejection(mine, "mine", "")
    await history.rejection(theirs, "theirs", "")
    for cause, reason in ((mine, "mine"), (theirs, "theirs")):
        response = await api.client.get(f"/api/v1/commands/{mine.id}", headers=bearer(cause.tenant))
        assert (response.status_code, response.json()["reason"]) == (200, reason)


async def test_one_policy_name_of_two_tenants_is_two_policies(
    api: Api, history: History, tenant: str, other: str
) -> None:
    await history.policy(tenant, "gate", versions=2)
    await history.policy(other, "gate")
    for name, newest in ((tenant, 2), (other, 1)):
        found = (await api.client.get("/api/v1/policies/gate", headers=bearer(name))).json()
        assert (found["policy_id"], found["newest_version"]) == (policy_id(name, "gate"), newest)


async def test_a_cursor_of_another_tenant_opens_nothing(
    api: Api, history: History, tenant: str, other: str
) -> None:
    for _ in range(2):
        await history.decision(tenant)
    page = (await api.client.get("/api/v1/decisions?limit=1", headers=bearer(tenant))).json()
    foreign = await api.client.get(page["next"], headers=bearer(other))
    assert foreign.json()["items"] == []


@pytest.mark.parametrize(
    "name", ["'", "x'; RESET ROLE; --", "$1", "%", "_", "\\", '"', "null", "governance.tenant", "é"]
)
async def test_a_tenants_name_is_never_read_as_sql(api: Api, history: History, name: str) -> None:
    tenant = f"{name}{uuid4().hex[:8]}"
    mine = await history.decision(tenant)
    await history.decision(f"x{uuid4().hex[:8]}")
    page = (await api.client.get("/api/v1/decisions", headers=bearer(tenant))).json()
    assert [item["decision_id"] for item in page["items"]] == [mine.event_id]


async def test_the_tenant_of_one_request_does_not_stay_with_its_connection(
    api: Api, history: History, tenant: str
) -> None:
    await history.decision(tenant)
    for _ in range(3):
        async with api.parts.database.reading(tenant) as session:
            assert len(await session.rows("SELECT 1 FROM governance.decision")) == 1
        async with api.parts.database.reading("") as session:
            assert await session.rows("SELECT 1 FROM governance.decision") == []


@pytest.mark.parametrize("table", TABLES)
async def test_the_reader_sees_nothing_without_a_tenant(
    reader: "asyncpg.Connection[asyncpg.Record]", history: History, tenant: str, table: str
) -> None:
    await populate(history, tenant)
    assert await reader.fetchval(f"SELECT count(*) FROM governance.{table}") == 0
    async with reader.transaction():
        await reader.execute("SELECT set_config('governance.tenant', $1, true)", tenant)
        assert await reader.fetchval(f"SELECT count(*) FROM governance.{table}") > 0
        tenants = await reader.fetch(f"SELECT DISTINCT tenant_id FROM governance.{table}")
        assert [row["tenant_id"] for row in tenants] == [tenant]
    assert await reader.fetchval(f"SELECT count(*) FROM governance.{table}") == 0


@pytest.mark.parametrize(
    "statement",
    [
        *(f"DELETE FROM governance.{table}" for table in (*TABLES, "lane", "attempt")),
        *(f"TRUNCATE governance.{table}" for table in (*TABLES, "lane", "attempt")),
        *(f"INSERT INTO governance.{table} DEFAULT VALUES" for table in (*TABLES, "lane", "attempt")),
        "UPDATE governance.policy SET state = 'retired'",
        "UPDATE governance.decision SET outcome = 'allow'",
        "UPDATE governance.event SET actor = 'eve'",
        "UPDATE governance.inbox SET state = 'decided'",
        "UPDATE governance.quarantine SET state = 'discarded'",
        "UPDATE governance.policy_version SET rego_content = ''",
        "UPDATE governance.lane SET next_seq = 1",
        "SELECT * FROM governance.attempt",
        "SELECT * FROM governance.event_policy",
        "SELECT * FROM governance.event_evaluation",
        "SELECT * FROM governance.decision FOR UPDATE",
        "ALTER TABLE governance.decision DISABLE ROW LEVEL SECURITY",
        "DROP POLICY reader_tenant ON governance.decision",
        "CREATE TABLE governance.mine (id integer)",
        "CREATE TABLE public.mine (id integer)",
        "SET ROLE gov_agents",
        "SET ROLE gov_owner",
        "SET SESSION AUTHORIZATION gov_agents",
        "COPY governance.decision FROM PROGRAM 'true'",
        "COPY governance.decision FROM STDIN",
    ],
)
async def test_the_reader_may_only_select(
    reader: "asyncpg.Connection[asyncpg.Record]", tenant: str, statement: str
) -> None:
    await reader.execute("SELECT set_config('governance.tenant', $1, false)", tenant)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.execute(statement)


async def test_row_security_cannot_be_switched_off_by_the_reader(
    reader: "asyncpg.Connection[asyncpg.Record]", history: History, tenant: str
) -> None:
    await history.decision(tenant)
    await reader.execute("SET row_security = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.fetch("SELECT * FROM governance.decision")


async def test_the_apis_own_transactions_are_read_only(api: Api, tenant: str) -> None:
    async with api.parts.database.reading(tenant) as session:
        row = await session.row(
            "SELECT current_setting('transaction_read_only') AS read_only, current_user AS name,"
            " current_setting('transaction_isolation') AS isolation"
        )
    assert row is not None
    assert (row["read_only"], row["name"], row["isolation"]) == ("on", "gov_reader", "repeatable read")
