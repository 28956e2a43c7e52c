"""``/api/v1/evidence``."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from schemas.envelope import timestamp
from tests.api.compliance_rows import LIBRARY, Compliance, Place
from tests.api.conftest import Api, bearer

PATH = "/api/v1/evidence"
LINKS = [("iso42001", "A.2.2"), ("iso27001", "A.5.1")]


def evidence_bearer(tenant: str) -> dict[str, str]:
    """Request headers of who may read evidence."""
    return bearer(tenant, "evidence:read")


async def listed(api: Api, tenant: str, **query: str | int) -> list[str]:
    """Ids of one page."""
    response = await api.client.get(PATH, params=query, headers=evidence_bearer(tenant))
    assert response.status_code == 200, response.text
    return [item["evidence_id"] for item in response.json()["items"]]


async def test_evidence_is_read_with_its_artifact_and_links(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    place = await compliance.evidence(tenant, controls=LINKS, technical_controls=["TC-032", "TC-999"])
    response = await api.client.get(f"{PATH}/{place.id}", headers=evidence_bearer(tenant))
    assert response.status_code == 200
    digest, at = sha256(b"AI policy").hexdigest(), timestamp(place.at)
    assert response.json() == {
        "evidence_id": place.id,
        "title": "AI policy",
        "kind": "manual",
        "evidence_type": "document",
        "description": "",
        "source": "",
        "state": "collected",
        "reason": "",
        "artifact": {
            "sha256": digest,
            "size": 9,
            "media_type": "text/plain",
            "object_key": f"{tenant}/{place.id}/{digest}",
            "version_id": "v1",
            "locked_until": None,
        },
        "collected_at": at,
        "effective_from": at,
        "effective_to": None,
        "valid_until": None,
        "expired": False,
        "submitted_by": "ann",
        "submitted_at": at,
        "verified_at": None,
        "freshness": {
            "version": 1,
            "event_id": place.event_id,
            "lane": {"topic": place.topic, "partition": place.partition},
            "sequence": place.sequence,
            "audit": {"state": "pending"},
        },
        "controls": [
            {
                "regulation": code,
                "control_id": control,
                "title": LIBRARY.regulations[code].control(control).title,
            }
            for code, control in sorted(LINKS)
        ],
        "technical_controls": [
            {"technical_control": "TC-032", "title": LIBRARY.hub["TC-032"].title},
            {"technical_control": "TC-999", "title": None},
        ],
    }


@pytest.mark.parametrize(("days", "expired"), [(-1, True), (1, False)])
async def test_evidence_past_its_validity_says_so_without_any_timer(
    api: Api, compliance: Compliance, tenant: str, days: int, expired: bool
) -> None:
    place = await compliance.evidence(tenant, valid_until=datetime.now(UTC) + timedelta(days=days))
    found = (await api.client.get(f"{PATH}/{place.id}", headers=evidence_bearer(tenant))).json()
    assert found["expired"] is expired


async def test_filters_narrow_the_list_and_all_must_hold(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    async def submitted(**columns: object) -> Place:
        return await compliance.evidence(tenant, **columns)  # type: ignore[arg-type]

    first = await submitted(controls=LINKS, state="verified")
    second = await submitted(kind="automated", actor="harvester", technical_controls=["TC-007"])
    third = await submitted(controls=[("iso42001", "4.1")], state="quarantined", reason="wrong_hash")
    ids = [place.id for place in (third, second, first)]
    assert await listed(api, tenant) == ids
    assert await listed(api, tenant, state="verified") == [ids[2]]
    assert await listed(api, tenant, kind="automated") == [ids[1]]
    assert await listed(api, tenant, kind="manual") == [ids[0], ids[2]]
    assert await listed(api, tenant, regulation="iso42001") == [ids[0], ids[2]]
    assert await listed(api, tenant, regulation="iso27001") == [ids[2]]
    assert await listed(api, tenant, regulation="soc2") == []
    assert await listed(api, tenant, control="A.2.2") == [ids[2]]
    assert await listed(api, tenant, regulation="iso42001", control="A.5.1") == []
    assert await listed(api, tenant, control="never") == []
    assert await listed(api, tenant, technical_control="TC-007") == [ids[1]]
    assert await listed(api, tenant, actor="ann") == [ids[0], ids[2]]
    assert await listed(api, tenant, actor="ann", state="quarantined") == [ids[0]]
    assert await listed(api, tenant, **{"from": timestamp(second.at)}) == ids[:2]
    assert await listed(api, tenant, to=timestamp(second.at)) == ids[2:]


async def test_one_piece_of_evidence_with_many_links_is_listed_once(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    controls = [("iso42001", control.id) for control in LIBRARY.regulations["iso42001"].rows[:20]]
    place = await compliance.evidence(tenant, controls=controls)
    assert await listed(api, tenant, regulation="iso42001") == [place.id]


async def test_pages_give_every_piece_once_under_every_filter(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    compliance.step = timedelta(0)
    written = {(await compliance.evidence(tenant, controls=LINKS)).id for _ in range(7)}
    for query in ("", "&regulation=iso42001", "&control=A.2.2&state=collected", "&actor=ann"):
        found: list[str] = []
        following: str | None = f"{PATH}?limit=2{query}"
        while following is not None:
            page = (await api.client.get(following, headers=evidence_bearer(tenant))).json()
            found += [item["evidence_id"] for item in page["items"]]
            following = page["next"]
        assert (len(found), set(found)) == (7, written)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=VERIFIED", "state"),
        ("kind=both", "kind"),
        ("regulation=", "regulation"),
        ("control=%0a", "control"),
        ("technical_control=" + "x" * 201, "technical_control"),
        ("actor=", "actor"),
        ("from=now", "from"),
        ("to=1", "to"),
        ("type=manual", "type"),
        ("cursor=W10", "cursor"),
        ("limit=0", "limit"),
    ],
)
async def test_a_bad_filter_is_refused_by_its_name(api: Api, tenant: str, query: str, field: str) -> None:
    response = await api.client.get(f"{PATH}?{query}", headers=evidence_bearer(tenant))
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize("wrong", ["never", "0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234", "%00", "x" * 201])
async def test_wrong_evidence_is_not_found(api: Api, tenant: str, wrong: str) -> None:
    response = await api.client.get(f"{PATH}/{wrong}", headers=evidence_bearer(tenant))
    assert response.status_code == 404


async def test_a_cursor_is_refused_with_other_filters(api: Api, compliance: Compliance, tenant: str) -> None:
    for _ in range(2):
        await compliance.evidence(tenant)
    page = (await api.client.get(f"{PATH}?limit=1&actor=ann", headers=evidence_bearer(tenant))).json()
    response = await api.client.get(
        page["next"].replace("actor=ann", "actor=ben"), headers=evidence_bearer(tenant)
    )
    assert response.json()["errors"] == [
        {"field": "cursor", "detail": "belongs to a list with other filters"}
    ]


async def test_an_unchanged_piece_is_answered_with_304(api: Api, compliance: Compliance, tenant: str) -> None:
    place = await compliance.evidence(tenant)
    first = await api.client.get(f"{PATH}/{place.id}", headers=evidence_bearer(tenant))
    headers = {**evidence_bearer(tenant), "If-None-Match": first.headers["etag"]}
    assert (await api.client.get(f"{PATH}/{place.id}", headers=headers)).status_code == 304
