"""``/api/v1/commands/{id}``: the first outcome of a command."""

from dataclasses import replace
from urllib.parse import quote

import pytest

from schemas.envelope import timestamp
from tests.api.conftest import Api, bearer
from tests.api.rows import Command, History, Written, command

PATH = "/api/v1/commands"


def shown(written: Written, kind: str, resource: str) -> dict[str, object]:
    """An event as a command's answer shows it."""
    return {
        "event_id": written.event_id,
        "type": kind,
        "resource": resource,
        "actor": "ann",
        "occurred_at": timestamp(written.at),
        "lane": {"topic": written.topic, "partition": written.partition},
        "sequence": written.sequence,
        "audit": {"state": "pending"},
    }


async def outcome(api: Api, cause: Command, query: str = "") -> dict[str, object]:
    """The answer about a command."""
    response = await api.client.get(f"{PATH}/{quote(cause.id)}{query}", headers=bearer(cause.tenant))
    assert response.status_code == 200, response.text
    found: dict[str, object] = response.json()
    return found


async def test_a_decided_command_names_its_event(api: Api, history: History, tenant: str) -> None:
    written = await history.decision(tenant)
    cause = Command(tenant, "evaluation", written.command_id)
    found = await outcome(api, cause)
    assert found == {
        "command_id": cause.id,
        "source": "svc-mlops",
        "state": "decided",
        "reason": None,
        "detail": None,
        "findings": [],
        "received_at": timestamp(written.at),
        "lane": {"topic": "governance.evaluation.commands.v1", "partition": 0},
        "offset": 7,
        "events": [shown(written, "governance.policy.evaluated", "model/m-17")],
        "freshness": {
            "version": None,
            "event_id": written.event_id,
            "lane": {"topic": written.topic, "partition": 0},
            "sequence": written.sequence,
            "audit": {"state": "pending"},
        },
    }


async def test_every_event_of_a_command_is_named_in_lane_order(
    api: Api, history: History, tenant: str
) -> None:
    cause = command(tenant, "policy")
    body = {"policy_id": "p", "name": "n", "reason": ""}
    written = [
        await history.event(cause, "governance.policy.retired", "policy/p", body, index) for index in range(3)
    ]
    await history.event(command(tenant, "policy"), "governance.policy.retired", "policy/p", body)
    await history.inbox(cause, "decided", written[0])
    found = await outcome(api, cause)
    assert found["events"] == [shown(each, "governance.policy.retired", "policy/p") for each in written]
    assert found["freshness"]["event_id"] == written[-1].event_id  # type: ignore[index]


async def test_each_event_is_recorded_as_its_receipt_arrives(api: Api, history: History, tenant: str) -> None:
    cause = command(tenant, "policy", partition=2)
    body = {"policy_id": "p", "name": "n", "reason": ""}
    written = [
        await history.event(cause, "governance.policy.retired", "policy/p", body, index) for index in range(2)
    ]
    await history.inbox(cause, "decided", written[0])
    api.parts.heads.advance(written[0].topic, 2, written[1].sequence)
    found = await outcome(api, cause)
    assert [event["audit"]["state"] for event in found["events"]] == ["recorded", "pending"]  # type: ignore[attr-defined]
    assert found["freshness"]["audit"]["state"] == "pending"  # type: ignore[index]
    api.parts.heads.advance(written[0].topic, 2, written[1].sequence + 1)
    assert (await outcome(api, cause))["freshness"]["audit"]["state"] == "recorded"  # type: ignore[index]


async def test_a_rejected_command_says_why(api: Api, history: History, tenant: str) -> None:
    cause = command(tenant, "policy")
    written = await history.rejection(cause, "check_failed", "the module does not parse")
    found = await outcome(api, cause)
    assert (found["state"], found["reason"]) == ("rejected", "check_failed")
    assert found["detail"] == "the module does not parse"
    assert found["findings"] == [
        {"file": "p.rego", "row": 2, "column": 5, "rule": "parse", "message": "no", "hint": "yes"}
    ]
    kind = "governance.policy.command_rejected"
    assert found["events"] == [shown(written, kind, f"command/{cause.id}")]


async def test_a_quarantined_command_says_why_and_names_its_event(
    api: Api, history: History, tenant: str
) -> None:
    cause = command(tenant, "policy")
    written = await history.quarantined(cause, "quarantined", "poison")
    found = await outcome(api, cause)
    assert (found["state"], found["reason"]) == ("quarantined", "poison")
    assert found["lane"] == {"topic": "governance.policy.commands.v1", "partition": 0}
    kind, resource = "governance.policy.command_quarantined", "lane/governance.policy.commands.v1/0"
    assert found["events"] == [shown(written, kind, resource)]


async def test_a_parked_command_names_the_event_that_it_waits(
    api: Api, history: History, tenant: str
) -> None:
    cause = command(tenant, "policy")
    written = await history.quarantined(cause, "parked", "parked")
    found = await outcome(api, cause)
    assert (found["state"], found["reason"]) == ("parked", "parked")
    assert [event["event_id"] for event in found["events"]] == [written.event_id]  # type: ignore[attr-defined]


async def test_a_discarded_command_is_not_shown_as_waiting(api: Api, history: History, tenant: str) -> None:
    cause = command(tenant, "policy")
    await history.quarantined(cause, "discarded", "poison")
    assert (await outcome(api, cause))["state"] == "discarded"


async def test_a_command_taken_up_again_shows_what_became_of_it(
    api: Api, history: History, tenant: str
) -> None:
    cause = command(tenant, "policy")
    await history.quarantined(cause, "retried", "poison")
    written = await history.rejection(cause, "unknown_policy", "no")
    found = await outcome(api, cause)
    assert (found["state"], found["reason"]) == ("rejected", "unknown_policy")
    assert [event["event_id"] for event in found["events"]] == [written.event_id]  # type: ignore[attr-defined]


async def test_a_decided_command_without_event_has_nothing_to_audit(
    api: Api, history: History, tenant: str
) -> None:
    cause = command(tenant, "policy")
    await history.inbox(cause, "decided", None)
    found = await outcome(api, cause)
    assert (found["state"], found["events"], found["freshness"]) == ("decided", [], None)


async def test_an_id_that_two_sources_used_needs_the_source(api: Api, history: History, tenant: str) -> None:
    one = command(tenant, "policy", "svc-a")
    two = replace(one, source="svc-b")
    await history.rejection(one, "first", "")
    await history.quarantined(two, "quarantined", "poison")
    response = await api.client.get(f"{PATH}/{one.id}", headers=bearer(tenant))
    assert response.status_code == 409
    assert response.json()["sources"] == ["svc-a", "svc-b"]
    assert (await outcome(api, one, "?source=svc-a"))["reason"] == "first"
    assert (await outcome(api, two, "?source=svc-b"))["state"] == "quarantined"
    other = await api.client.get(f"{PATH}/{one.id}?source=svc-c", headers=bearer(tenant))
    assert other.status_code == 404


async def test_any_readable_command_id_can_be_asked_for(api: Api, history: History, tenant: str) -> None:
    cause = replace(command(tenant, "policy"), id="orders/17 é?#")
    await history.rejection(cause, "no", "")
    response = await api.client.get(f"{PATH}/{quote(cause.id, safe='')}", headers=bearer(tenant))
    assert response.status_code == 200
    assert response.json()["command_id"] == cause.id


@pytest.mark.parametrize("wrong", ["never", "%00", "%0a", "x" * 201, ""])
async def test_a_command_that_never_arrived_is_not_found(api: Api, tenant: str, wrong: str) -> None:
    assert (await api.client.get(f"{PATH}/{wrong}", headers=bearer(tenant))).status_code == 404


async def test_an_unchanged_outcome_is_answered_with_304(api: Api, history: History, tenant: str) -> None:
    written = await history.decision(tenant)
    path = f"{PATH}/{written.command_id}"
    tag = (await api.client.get(path, headers=bearer(tenant))).headers["etag"]
    again = await api.client.get(path, headers={**bearer(tenant), "If-None-Match": tag})
    assert again.status_code == 304
