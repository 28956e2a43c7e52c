"""Holds, erasures, prunings, overrides and decision points by the command line, as their users type them."""

import json
import subprocess
import sys
from pathlib import Path

import devstack
from schemas.identity import OPERATOR_TENANT
from tests.command_line import Governance
from tests.conftest import ENCRYPTING
from tests.system.by_hand import Json, activate, entry
from tests.system.example import GATE_SOURCE

HASH = "ab" * 32


def document(printed: str) -> Json:
    found: Json = json.loads(printed)
    return found


def program(system: devstack.Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``governance`` as a process of its own, beside the embedded stack."""
    environment = {**system.environment(), "AUMOS_STACK_DIR": str(system.layout.root)}
    return subprocess.run(
        [Path(sys.executable).with_name("governance"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_hold_is_placed_and_released_by_two_persons(governance: Governance, tenant: str) -> None:
    scope = ("--resource", "model/m-1", "--from", "2026-01-01T00:00:00Z")
    asked = ("audit", "hold", "case 9", "--authority", "court order 12/26", *scope, "--actor", "ann")
    shown = governance(*asked)
    assert "audit.legal_hold" in shown
    assert "court order 12/26" in shown
    governance(*asked, expect=1)
    release = ("audit", "release-hold", "case 9", "--authority", "court order 40/26", "--json")
    governance(*release, "--actor", "ann", expect=1)
    done = document(governance(*release, "--actor", "bob"))
    assert (done["event"], done["body"]["released_by"]) == ("audit.legal_hold_released", "bob")
    assert entry(governance, tenant, done["body"]["placed"])["details"]["resource"] == "model/m-1"
    assert entry(governance, tenant, done["event_id"])["event_type"] == "audit.legal_hold_released"
    governance("audit", "hold", "x", expect=2)


def test_an_erasure_is_proposed_by_one_person_and_done_by_another(governance: Governance) -> None:
    asked = ("audit", "erase", "u-7", "--authority", "DSR-7", "--reason", "asked for", "--actor", "ann")
    governance(*asked, expect=1)
    acting = Governance(governance.environment, ENCRYPTING, governance.folder)
    file = governance.folder / "personal.rego"
    file.write_text(GATE_SOURCE)
    acting("policy", "create", str(file), "--name", "personal", "--personal-field", "/user/name")
    acting("policy", "activate", "personal", "--version", "1")
    person = {"ok": True, "user": {"id": "u-7", "name": "Grace"}}
    acting("evaluate", "personal", "--input", "-", stdin=json.dumps(person))
    request = document(acting(*asked, "--json"))
    assert request["event"] == "governance.compliance.erasure_requested"
    assert "u-7" not in json.dumps(request)
    approve = ("audit", "approve-erasure", request["event_id"], "--json")
    acting(*approve, "--actor", "ann", expect=1)
    done = document(acting(*approve, "--actor", "bob"))
    assert (done["event"], done["body"]["approver"]) == ("audit.erasure", "bob")
    shown = entry(acting, ENCRYPTING, done["event_id"])
    assert (shown["event_type"], shown["details"]["authority"]) == ("audit.erasure", "DSR-7")
    acting(*approve, "--actor", "cid", expect=1)


def test_a_pruning_takes_two_operators_and_what_is_not_full_stays(
    governance: Governance, system: devstack.Stack, tmp_path: Path
) -> None:
    digests = ("--root", HASH, "--export", HASH)
    asked = ("audit", "prune", "0", "1048576", *digests, "--authority", "retention schedule 4", "--json")
    request = document(governance(*asked, "--actor", "ann"))
    assert request["event"] == "governance.compliance.pruning_requested"
    approve = ("audit", "approve-pruning", request["event_id"], "--json")
    governance(*approve, "--actor", "ann", expect=1)
    done = document(governance(*approve, "--actor", "bob"))
    assert (done["event"], done["body"]["end_index"]) == ("audit.retention", 1048576)
    assert entry(governance, OPERATOR_TENANT, done["event_id"])["event_type"] == "audit.retention"
    governance(*asked[:3], "0", *asked[4:], expect=2)

    planned = program(system, "audit", "retention", "plan")
    assert (planned.returncode, len(planned.stdout.splitlines())) == (0, 1)
    assert planned.stdout.startswith("kept for 3653 days (EU AI Act")
    out = str(tmp_path / "range")
    exported = program(system, "audit", "retention", "export", "0", "1048576", out)
    assert (exported.returncode, "are missing" in exported.stderr) == (1, True)
    pruned = program(system, "audit", "retention", "prune", "0", "1048576", out)
    assert (pruned.returncode, "no anchored checkpoint" in pruned.stderr) == (1, True)


def test_a_denial_is_overridden_by_a_second_person(governance: Governance, tenant: str) -> None:
    activate(governance)
    source = governance.folder / "gate.rego"
    governance("policy", "update", "gate", str(source), "--enforcement", "soft_mandatory")
    governance("policy", "activate", "gate", "--version", "2")
    asked = ("evaluate", "gate", "--input", "-", "--resource", "model/m-1", "--actor", "ann", "--json")
    denied = document(governance(*asked, stdin='{"ok": false}', expect=1))
    override = ("decisions", "override", denied["decision_id"], "--reason", "seen the report")
    governance(*override, "--resource", "model/m-1", "--actor", "ann", expect=1)
    done = document(governance(*override, "--actor", "bob", "--json"))
    assert (done["event"], done["body"]["denied_actor"]) == ("governance.policy.overridden", "ann")
    assert entry(governance, tenant, done["event_id"])["details"]["reason"] == "seen the report"
    listed = json.loads(governance("decisions", "list", "--overridden", "--json"))
    assert [each["decision_id"] for each in listed] == [denied["decision_id"]]


def test_a_decision_point_is_bound_asked_explained_and_unbound(governance: Governance, tenant: str) -> None:
    activate(governance)
    bound = document(governance("decision-point", "bind", "release", "gate", "--json"))
    assert bound["event"] == "governance.policy.decision_point.bound"
    assert "gate" in governance("decision-point", "show", "release")
    asked = ("evaluate", "--decision-point", "release", "--input", "-")
    shown = governance(*asked, stdin='{"ok": true}')
    assert shown.startswith("ALLOW")
    decision = shown.partition("decision ")[2].split()[0]
    explained = governance("decisions", "explain", decision)
    assert "gate version 1: the same result" in explained
    assert "allow" in explained
    governance("decisions", "explain", "nothing", expect=1)
    done = document(governance("decision-point", "unbind", "release", "--reason", "moved", "--json"))
    assert done["event"] == "governance.policy.decision_point.unbound"
    assert entry(governance, tenant, done["event_id"])["details"]["reason"] == "moved"
    governance(*asked, stdin='{"ok": true}', expect=1)
    governance("decision-point", "unbind", "release", expect=1)
