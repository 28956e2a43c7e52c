"""Each process gets what it needs and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from devstack import plan as plans
from devstack.credentials import Credentials
from devstack.environment import ENVIRONMENT, MANAGED, inherited
from devstack.errors import UnknownComponent
from devstack.layout import Layout
from devstack.plan import Plan

ROLES = {
    "worker": "gov_agents",
    "bundles": "gov_bundles",
    "background": "gov_background",
    "replay": "gov_replay",
    "api": "gov_reader",
    "sink": "gov_audit_writer",
    "sink-api": "gov_audit_reader",
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "stack")
    layout.prepare()
    return layout


@pytest.fixture
def plan() -> Plan:
    plan = Plan(opas=2, workers=2)
    return Plan(
        plan.stack_id,
        opas=2,
        workers=2,
        ports={name: 13_000 + number for number, name in enumerate(plan.port_names)},
    )


def test_only_the_sink_and_its_read_endpoint_hold_audit_credentials() -> None:
    holders = {name for name, values in ENVIRONMENT.items() if "AUMOS_GOVERNANCE_AUDIT_DB_URL" in values}
    assert holders == {"sink", "sink-api"}


def test_superusers_are_for_migrations_only(layout: Layout, plan: Plan) -> None:
    holders = {
        name
        for name in ENVIRONMENT
        if any("//postgres:" in value for value in plans.environment(layout, plan, name).values())
    }
    assert holders == {"migrations", "audit-migrations"}


@pytest.mark.parametrize(("process", "role"), ROLES.items())
def test_a_process_connects_with_its_own_role(layout: Layout, plan: Plan, process: str, role: str) -> None:
    urls = [value for value in plans.environment(layout, plan, process).values() if "postgresql://" in value]
    assert len(urls) == 1
    assert urls[0].startswith(f"postgresql://{role}:")


def test_the_engine_key_is_for_engine_processes_and_operators() -> None:
    holders = {name for name, values in ENVIRONMENT.items() if "AUMOS_GOVERNANCE_ENGINE_KEY" in values}
    assert holders == {"worker", "bundles", "background", "replay", "cli"}


def test_a_migration_gets_the_passwords_of_its_own_server_only(layout: Layout, plan: Plan) -> None:
    secret: Credentials = plans.credentials(layout)
    primary = " ".join(plans.environment(layout, plan, "migrations").values())
    audit = " ".join(plans.environment(layout, plan, "audit-migrations").values())
    assert secret.agents_password in primary
    assert secret.audit_writer_password not in primary
    assert secret.audit_writer_password in audit
    assert secret.agents_password not in audit


def test_each_worker_has_a_slot_and_a_metrics_port_of_its_own(layout: Layout, plan: Plan) -> None:
    first = plans.environment(layout, plan, "worker-0")
    second = plans.environment(layout, plan, "worker-1")
    differing = {name for name in first if first[name] != second[name]}
    assert differing == {
        "AUMOS_GOVERNANCE_WORKER_SLOT",
        "AUMOS_GOVERNANCE_METRICS_LISTEN",
    }
    assert plans.environment(layout, plan, "worker") == first


def test_every_opa_is_named_to_those_who_ask_it(layout: Layout, plan: Plan) -> None:
    urls = plans.environment(layout, plan, "worker")["AUMOS_GOVERNANCE_OPA_URL"].split(",")
    assert urls == [f"http://127.0.0.1:{plan.ports[name]}" for name in ("opa-0", "opa-1")]


def test_what_the_caller_has_set_reaches_no_process_where_the_stack_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in MANAGED:
        monkeypatch.setenv(name, "from outside")
    monkeypatch.setenv("SOME_TOKEN", "private")
    monkeypatch.setenv("AUMOS_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("AUMOS_GOVERNANCE_POLICY_EVAL_TIMEOUT_MS", "150")
    taken = inherited()
    assert taken["AUMOS_GOVERNANCE_POLICY_EVAL_TIMEOUT_MS"] == "150"
    assert not MANAGED & taken.keys()
    assert not {"SOME_TOKEN", "AUMOS_KAFKA_SECURITY_PROTOCOL"} & taken.keys()


@pytest.mark.parametrize("name", ["nobody", "worker-2", "worker-x"])
def test_an_unknown_process_is_named(layout: Layout, plan: Plan, name: str) -> None:
    with pytest.raises(UnknownComponent, match=name):
        plans.environment(layout, plan, name)


def test_a_kept_plan_knows_nothing_of_a_process_that_is_new_since(layout: Layout, plan: Plan) -> None:
    planned = replace(plan, processes=True)
    names = {each.name for each in plans.processes(layout, planned)}
    older = replace(planned, ports={n: port for n, port in plan.ports.items() if n != "replay:metrics"})
    assert {each.name for each in plans.processes(layout, older)} == names - {"replay"}
    assert "replay" in names
