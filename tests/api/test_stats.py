"""Figures of many decisions over HTTP, and what nobody asks."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.api.filters import MAX_DAYS
from projections.api.routes.stats import MAX_HOURS, percentile, span
from projections.api.stats_models import Bucket
from projections.apply.decision_stats import LATENCY_BOUNDS_US
from schemas.identity import policy_id
from tests.agents.decisions.answers import AT, answer, decided
from tests.api.conftest import Api, bearer
from tests.api.rows import History

WHEN = "from=2026-05-04T00:00:00Z&to=2026-05-04T12:00:00Z"
GATE = "gate"


async def read(api: Api, tenant: str, path: str) -> Any:
    """An answer that must be good."""
    response = await api.client.get(f"/api/v1/{path}", headers=bearer(tenant))
    assert response.status_code == 200, response.text
    return response.json()


async def a_morning(history: History, tenant: str) -> None:
    """Seven decisions of two policies in two hours, two of them failures."""
    await history.policy(tenant, GATE, versions=2)
    gate, later = policy_id(tenant, GATE), AT + timedelta(minutes=30)
    denial = answer(gate, said="deny", reasons=["own_approval: not one's own", "the card is missing"])
    said = [
        (AT, answer(gate), "promote"),
        (AT, answer(gate, duration_us=80_000), "promote"),
        (AT, denial, "promote"),
        (later, {**denial, "version": 2, "outcome": "allow"}, ""),
        (later, answer(gate, said="timeout", version=2, duration_us=200_000), ""),
        (later, answer(gate, said="undefined", version=2), "promote"),
        (later, answer("gone", said="deny", reasons=["free text"]), "other"),
    ]
    await history.count(
        *(
            decided(n, each, at=at, tenant=tenant, decision_point=point)
            for n, (at, each, point) in enumerate(said)
        )
    )


async def test_totals_say_what_was_decided_answered_and_failed(
    api: Api, history: History, tenant: str
) -> None:
    await a_morning(history, tenant)
    found = await read(api, tenant, f"decisions/stats?{WHEN}")
    assert (found["starts_at"], found["ends_at"]) == (
        "2026-05-04T00:00:00.000000Z",
        "2026-05-04T13:00:00.000000Z",
    )
    assert found["totals"] == {
        "decisions": 7,
        "allowed": 3,
        "denied": 4,
        "answers": 7,
        "said_allow": 2,
        "said_deny": 3,
        "failed": 2,
        "timed_out": 1,
        "deny_rate": 0.571429,
        "error_rate": 0.285714,
        "timeout_rate": 0.142857,
        "p50_us": 2_000,
        "p95_us": 200_000,
        "p99_us": 200_000,
    }
    assert {each["le_us"]: each["answers"] for each in found["histogram"] if each["answers"]} == {
        2_000: 5,
        100_000: 1,
        200_000: 1,
    }
    assert found["errors"] == [{"code": "timeout", "answers": 1}, {"code": "undefined", "answers": 1}]
    assert [(each["policy_name"], each["violation"], each["answers"]) for each in found["violations"]] == [
        (GATE, "own_approval", 2),
        (GATE, "the card is missing", 2),
        (None, "free text", 1),
    ]


async def test_a_series_has_a_bucket_for_each_hour_or_day_with_decisions(
    api: Api, history: History, tenant: str
) -> None:
    await a_morning(history, tenant)
    hours = (await read(api, tenant, f"decisions/stats?{WHEN}"))["series"]
    assert [(each["starts_at"][11:16], each["decisions"]) for each in hours] == [("09:00", 3), ("10:00", 4)]
    days = (await read(api, tenant, f"decisions/stats?{WHEN}&bucket=day"))["series"]
    assert [(each["starts_at"][:10], each["decisions"]) for each in days] == [("2026-05-04", 7)]


@pytest.mark.parametrize(
    ("narrowed", "decisions"),
    [
        ("policy=gate", 6),
        (f"policy={GATE}&version=2", 3),
        ("decision_point=promote", 4),
        ("decision_point=", 2),
        ("policy=gate&version=1&decision_point=promote", 3),
        ("policy=nobody", 0),
    ],
)
async def test_figures_are_narrowed(
    api: Api, history: History, tenant: str, narrowed: str, decisions: int
) -> None:
    await a_morning(history, tenant)
    found = await read(api, tenant, f"decisions/stats?{WHEN}&{narrowed}")
    assert found["totals"]["decisions"] == decisions
    assert sum(each["decisions"] for each in found["groups"]) == decisions
    reasons = sum(each["answers"] for each in found["errors"]) + len(found["violations"])
    assert bool(reasons) == bool(decisions)


@pytest.mark.parametrize(
    ("group_by", "groups"),
    [
        ("policy", [("gate", None, None, 6), (None, None, None, 1)]),
        ("version", [("gate", 1, None, 3), ("gate", 2, None, 3), (None, 1, None, 1)]),
        ("decision_point", [(None, None, "promote", 4), (None, None, "", 2), (None, None, "other", 1)]),
    ],
)
async def test_figures_are_grouped(
    api: Api, history: History, tenant: str, group_by: str, groups: list[tuple[Any, ...]]
) -> None:
    await a_morning(history, tenant)
    found = (await read(api, tenant, f"decisions/stats?{WHEN}&group_by={group_by}"))["groups"]
    names = ("policy_name", "version", "decision_point", "decisions")
    assert [tuple(each[name] for name in names) for each in found] == groups


async def test_lanes_are_summed(api: Api, history: History, tenant: str) -> None:
    for partition in range(3):
        await history.decision(tenant, GATE, partition=partition)
    found = await read(api, tenant, f"decisions/stats?{WHEN}")
    assert (found["totals"]["decisions"], len(found["series"]), len(found["groups"])) == (3, 1, 1)


async def test_another_tenants_decisions_are_in_no_figure(api: Api, history: History, tenant: str) -> None:
    await a_morning(history, tenant)
    other = f"o-{uuid4().hex[:12]}"
    found = await read(api, other, f"decisions/stats?{WHEN}&policy={policy_id(tenant, GATE)}")
    assert found["totals"]["decisions"] == 0
    found = await read(api, other, f"decisions/stats?{WHEN}")
    assert (found["totals"]["decisions"], found["series"], found["groups"]) == (0, [], [])
    assert (found["errors"], found["violations"]) == ([], [])
    covered = await read(api, other, "decisions/coverage?days=92")
    assert (covered["points"], covered["policies_without_point"]) == ([], [])
    assert (await read(api, other, "unused-policies?days=1"))["items"] == []


NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("bucket", "from_", "to", "starts_at", "ends_at"),
    [
        ("hour", None, None, "2026-05-03T10", "2026-05-04T10"),
        ("day", None, None, "2026-04-05T00", "2026-05-05T00"),
        ("hour", datetime(2026, 5, 4, 8, 59, tzinfo=UTC), None, "2026-05-04T08", "2026-05-04T10"),
        ("hour", datetime(2020, 1, 1, tzinfo=UTC), None, "2026-04-27T10", "2026-05-04T10"),
        ("day", datetime(2020, 1, 1, tzinfo=UTC), None, "2026-02-02T00", "2026-05-05T00"),
        ("hour", datetime(2027, 1, 1, tzinfo=UTC), None, "2026-05-04T10", "2026-05-04T10"),
        ("day", None, datetime(1, 1, 1, tzinfo=UTC), "1969-12-03T00", "1970-01-02T00"),
        ("hour", datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), "9000-01-01T00", None),
    ],
)
def test_a_span_is_whole_buckets_and_bounded(
    bucket: Bucket, from_: datetime | None, to: datetime | None, starts_at: str, ends_at: str | None
) -> None:
    found = span(bucket, from_, to, NOW)
    assert found[0].isoformat()[:13] == starts_at
    assert ends_at is None or found[1].isoformat()[:13] == ends_at
    assert found[1] - found[0] <= (timedelta(hours=MAX_HOURS) if bucket == "hour" else timedelta(MAX_DAYS))


@given(st.lists(st.integers(1, 1_500_000), min_size=1), st.sampled_from([50, 95, 99]))
def test_a_percentile_is_the_bound_of_the_bucket_that_it_lies_in(times: list[int], percent: int) -> None:
    counts = [0] * (len(LATENCY_BOUNDS_US) + 1)
    for each in times:
        counts[sum(each > bound for bound in LATENCY_BOUNDS_US)] += 1
    exact = sorted(times)[-(-len(times) * percent // 100) - 1]
    expected = next((bound for bound in LATENCY_BOUNDS_US if exact <= bound), None)
    assert percentile(counts, percent) == expected


async def test_nothing_has_no_percentile(api: Api, tenant: str) -> None:
    totals = (await read(api, tenant, "decisions/stats"))["totals"]
    assert {totals[name] for name in ("p50_us", "p99_us", "deny_rate", "error_rate")} == {None}


async def test_flips_compare_the_first_answer_since_an_activation_with_the_last_before(
    api: Api, history: History, tenant: str
) -> None:
    await history.policy(tenant, GATE, versions=2, active=2)
    await history.activation(tenant, GATE, 1, None)
    await history.decision(tenant, GATE, "model/a", outcome="deny")
    last = await history.decision(tenant, GATE, "model/a", outcome="allow")
    await history.decision(tenant, GATE, "model/b", outcome="allow")
    await history.decision(tenant, GATE, "model/c", outcome="deny")
    await history.decision(tenant, "another", "model/c", outcome="allow")
    at_point = await history.part(tenant, GATE, "model/d", "allow", 1)
    activated = await history.activation(tenant, GATE, 2, 1)
    first = await history.decision(tenant, GATE, "model/a", outcome="deny", version=2)
    await history.decision(tenant, GATE, "model/a", outcome="allow", version=2)
    await history.decision(tenant, GATE, "model/b", outcome="allow", version=2)
    await history.decision(tenant, GATE, "model/c", outcome="allow", version=2)
    await history.decision(tenant, GATE, "model/new", outcome="deny", version=2)
    denied_at_point = await history.part(tenant, GATE, "model/d", "deny", 2)
    found = await read(api, tenant, "policies/gate/flips")
    assert (found["activation"]["event_id"], found["activation"]["previous_version"]) == (
        activated.event_id,
        1,
    )
    figures = ("compared", "unchanged", "allow_to_deny", "deny_to_allow", "complete")
    assert [found[name] for name in figures] == [4, 1, 2, 1, True]
    assert [each["resource"] for each in found["flips"]] == ["model/a", "model/c", "model/d"]
    assert found["flips"][0] == {
        "resource": "model/a",
        "outcome_before": "allow",
        "outcome_after": "deny",
        "decision_before": last.event_id,
        "decision_after": first.event_id,
    }
    assert (found["flips"][2]["decision_before"], found["flips"][2]["decision_after"]) == (
        at_point,
        denied_at_point,
    )


async def test_flips_of_an_earlier_activation_end_with_the_next(
    api: Api, history: History, tenant: str
) -> None:
    await history.policy(tenant, GATE, versions=2)
    for version, previous, outcome in ((1, None, "allow"), (2, 1, "deny"), (1, 2, "allow")):
        await history.activation(tenant, GATE, version, previous)
        await history.decision(
            tenant, GATE, "model/a", outcome="allow" if outcome == "allow" else "deny", version=version
        )
    newest = await read(api, tenant, "policies/gate/flips")
    assert (newest["activation"]["version"], newest["activation"]["until"]) == (1, None)
    assert (newest["deny_to_allow"], newest["allow_to_deny"]) == (1, 0)
    second = await read(api, tenant, "policies/gate/flips?version=2")
    assert second["activation"]["until"] == newest["activation"]["activated_at"]
    assert (second["deny_to_allow"], second["allow_to_deny"]) == (0, 1)


async def test_a_policy_that_was_never_activated_has_no_flips(
    api: Api, history: History, tenant: str
) -> None:
    await history.policy(tenant, GATE, state="draft", active=None)
    found = await read(api, tenant, "policies/gate/flips")
    assert (found["activation"], found["compared"], found["complete"]) == (None, 0, True)
    missing = await api.client.get("/api/v1/policies/nobody/flips", headers=bearer(tenant))
    assert missing.status_code == 404


async def test_unused_policies_are_active_and_neither_asked_nor_activated(
    api: Api, history: History, tenant: str
) -> None:
    now = datetime.now(UTC)
    for name in ("asked", "asked long ago", "never", "at a point"):
        await history.policy(tenant, name)
    await history.policy(tenant, "draft", state="draft", active=None)
    asked = {"asked": now, "asked long ago": now - timedelta(days=40)}
    for name, at in asked.items():
        await history.count(decided(1, answer(policy_id(tenant, name)), at=at, tenant=tenant))
    part = answer(policy_id(tenant, "at a point"))
    whole = answer(policy_id(tenant, "asked"))
    await history.count(decided(1, whole, at=now, tenant=tenant, parts=[part], decision_point="gate"))
    found = await read(api, tenant, "unused-policies")
    assert [each["name"] for each in found["items"]] == ["never", "asked long ago"]
    hour = (now - timedelta(days=40)).replace(minute=0, second=0, microsecond=0)
    assert [each["last_asked"] for each in found["items"]] == [None, f"{hour:%Y-%m-%dT%H:00:00.000000Z}"]
    page = await read(api, tenant, "unused-policies?limit=1")
    rest = (await api.client.get(page["next"], headers=bearer(tenant))).json()
    assert [each["name"] for each in (*page["items"], *rest["items"])] == ["never", "asked long ago"]
    assert [each["name"] for each in (await read(api, tenant, "unused-policies?days=60"))["items"]] == [
        "never"
    ]


async def test_a_policy_that_was_just_activated_is_not_unused_yet(
    api: Api, history: History, tenant: str
) -> None:
    await history.policy(tenant, GATE)
    assert len((await read(api, tenant, "unused-policies?days=1"))["items"]) == 1
    history._clock = datetime.now(UTC)
    await history.activation(tenant, GATE, 1, None)
    assert (await read(api, tenant, "unused-policies?days=1"))["items"] == []


async def test_coverage_tells_which_points_ask_which_policies(
    api: Api, history: History, tenant: str
) -> None:
    now = datetime.now(UTC)
    for name in ("gate", "second", "alone"):
        await history.policy(tenant, name)
    gate, second, alone = (policy_id(tenant, name) for name in ("gate", "second", "alone"))
    parts = [answer(gate), answer(second, said="deny")]
    whole = answer(second, said="deny")
    await history.count(
        decided(1, answer(gate), at=now, tenant=tenant, decision_point="promote"),
        decided(2, whole, at=now, tenant=tenant, decision_point="promote", parts=parts),
        decided(3, answer(alone), at=now, tenant=tenant),
    )
    await history.bound_point(tenant, "silent", "gate")
    found = await read(api, tenant, "decisions/coverage")
    assert found["points"] == [
        {
            "decision_point": "promote",
            "bound": False,
            "decisions": 2,
            "denied": 1,
            "policies": sorted([gate, second]),
        },
        {"decision_point": "silent", "bound": True, "decisions": 0, "denied": 0, "policies": []},
    ]
    assert found["decisions_without_point"] == 1
    assert found["policies_without_point"] == [{"policy_id": alone, "name": "alone"}]
