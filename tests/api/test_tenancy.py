"""A tenant sees its own data only: on every path. The database's side is in test_reader_role.py."""

import re
from uuid import uuid4

import pytest

from schemas.identity import policy_id, workflow_id
from tests.api.compliance_rows import Compliance
from tests.api.conftest import Api, bearer
from tests.api.one_of_each import LINKS, populate
from tests.api.rows import Command, History, command

UUID_IN_PATH = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
READING = ("governance:read", "evidence:read")


@pytest.fixture
def other() -> str:
    """A second tenant."""
    return f"o-{uuid4().hex[:12]}"


async def test_another_tenants_ids_are_answered_like_ids_that_never_were(
    api: Api, history: History, compliance: Compliance, tenant: str, other: str
) -> None:
    for path in await populate(history, compliance, tenant):
        assert (await api.client.get(path, headers=bearer(tenant, *READING))).status_code == 200
        foreign = await api.client.get(path, headers=bearer(other, *READING))
        never = await api.client.get(UUID_IN_PATH.sub(str(uuid4()), path), headers=bearer(other, *READING))
        assert foreign.status_code == never.status_code == 404
        for response in (foreign, never):
            response.headers.pop("x-correlation-id")
        assert foreign.headers == never.headers
        assert foreign.json() | {"correlation_id": ""} == never.json() | {"correlation_id": ""}


@pytest.mark.parametrize(
    "path",
    [
        "policies",
        "policies?name=gate",
        "decisions",
        "decisions?resource=model/m-17",
        "decisions?policy=GATE",
        "decisions?actor=ann",
        "compliance/workflows",
        "compliance/workflows?regulation=iso42001",
        "compliance/workflows?owner=ann",
        "evidence",
        "evidence?state=collected",
        "evidence?regulation=iso42001",
        "evidence?control=A.2.2",
        "evidence?technical_control=TC-032",
        "evidence?actor=ann",
    ],
)
async def test_another_tenants_rows_are_in_no_list(
    api: Api, history: History, compliance: Compliance, tenant: str, other: str, path: str
) -> None:
    await populate(history, compliance, tenant)
    path = path.replace("GATE", policy_id(tenant, "gate"))
    mine, theirs = [
        (await api.client.get(f"/api/v1/{path}", headers=bearer(name, *READING))).json()
        for name in (tenant, other)
    ]
    assert mine["items"]
    assert theirs["items"] == []


async def test_another_tenants_rows_are_in_no_figure_of_the_dashboard(
    api: Api, history: History, compliance: Compliance, tenant: str, other: str
) -> None:
    await populate(history, compliance, tenant)
    path = "/api/v1/compliance/dashboard"
    mine, theirs = [(await api.client.get(path, headers=bearer(name))).json() for name in (tenant, other)]
    assert (mine["totals"]["workflows"]["draft"], mine["totals"]["evidence"]["collected"]) == (1, 1)
    assert (theirs["totals"]["workflows"]["draft"], theirs["totals"]["evidence"]["collected"]) == (0, 0)


async def test_regulations_are_the_same_for_every_tenant(api: Api, tenant: str, other: str) -> None:
    for path in ("/api/v1/regulations", "/api/v1/regulations/soc2/controls"):
        mine, theirs = [await api.client.get(path, headers=bearer(name)) for name in (tenant, other)]
        assert mine.status_code == theirs.status_code == 200
        assert mine.content == theirs.content


async def test_one_workflow_name_of_two_tenants_is_two_workflows(
    api: Api, compliance: Compliance, tenant: str, other: str
) -> None:
    for name, owner in ((tenant, "ann"), (other, "ben")):
        await compliance.workflow(name, "Annual", owner=owner)
    for name, owner in ((tenant, "ann"), (other, "ben")):
        found = (await api.client.get("/api/v1/compliance/workflows/Annual", headers=bearer(name))).json()
        assert (found["workflow_id"], found["owner"]) == (workflow_id(name, "Annual"), owner)


async def test_links_of_another_tenant_make_nothing_visible(
    api: Api, compliance: Compliance, tenant: str, other: str
) -> None:
    mine = await compliance.evidence(tenant)
    await compliance.evidence(other, controls=LINKS)
    path = "/api/v1/evidence?regulation=iso42001"
    assert (await api.client.get(path, headers=bearer(tenant, *READING))).json()["items"] == []
    found = (await api.client.get(f"/api/v1/evidence/{mine.id}", headers=bearer(tenant, *READING))).json()
    assert found["controls"] == []


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
