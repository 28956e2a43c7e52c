"""What the reader's login sees and may do in the primary database; the other logins' are in test_roles.py."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.api.compliance_rows import Compliance
from tests.api.conftest import Api, Dsns
from tests.api.one_of_each import TABLES, populate
from tests.api.rows import History


@pytest.fixture
async def reader(dsns: Dsns) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection with the reader's role."""
    connection = await asyncpg.connect(dsns.reader)
    yield connection
    await connection.close()


@pytest.mark.parametrize("table", TABLES)
async def test_the_reader_sees_nothing_without_a_tenant(
    reader: "asyncpg.Connection[asyncpg.Record]",
    history: History,
    compliance: Compliance,
    tenant: str,
    table: str,
) -> None:
    await populate(history, compliance, tenant)
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
        "UPDATE governance.workflow SET satisfied = 70",
        "UPDATE governance.workflow_control SET state = 'satisfied'",
        "UPDATE governance.timer SET state = 'disarmed'",
        "UPDATE governance.evidence SET state = 'verified'",
        "UPDATE governance.counter SET value = 1",
        "UPDATE governance.decision_stat SET denied = 0",
        "UPDATE governance.decision_reason SET value = 0",
        "UPDATE governance.policy_activation SET previous_version = 1",
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
