"""The command line before the real engine."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

import devstack
from client.broker import Broker
from client.cli.main import app
from tests.client.conftest import REGO
from tests.command_line import Governance

ROOT = Path(__file__).parents[2]


def test_a_policys_life_by_hand(governance: Governance) -> None:
    file = governance.folder / "gate.rego"
    file.write_text(REGO)
    created = json.loads(governance("policy", "create", str(file), "--name", "gate", "--json"))
    assert created["event"] == "governance.policy.created"
    activated = json.loads(governance("policy", "activate", "gate", "--version", "1", "--json"))
    assert activated["policy"]["active_version"] == 1
    ask = ("evaluate", "gate", "--input", "-", "--resource", "model/m-17", "--audited", "--json")
    denied = json.loads(governance(*ask, stdin='{"score": 0.1}', expect=1))
    allowed = json.loads(governance(*ask, stdin="score: 0.9"))
    assert (denied["reasons"], allowed["outcome"]) == (["score too low"], "allow")
    assert allowed["wall"]["index"] > denied["wall"]["index"]
    decisions = json.loads(governance("decisions", "list", "--policy", "gate", "--json"))
    assert [each["outcome"] for each in decisions] == ["allow", "deny"]
    entries = json.loads(governance("audit", "list", "--resource", "model/m-17", "--json"))
    assert {each["index"] for each in entries} == {allowed["wall"]["index"], denied["wall"]["index"]}
    known = json.loads(governance("command", allowed["command_id"], "--json"))
    assert known["state"] == "decided"
    candidate = governance.folder / "candidate.rego"
    candidate.write_text(REGO.replace("0.8", "0.95"))
    tried = json.loads(governance("policy", "simulate", "gate", str(candidate), "--json"))
    assert (tried["decisions"], tried["same"]) == (2, 1)
    assert tried["flips"] == [{"before": "allow", "after": "deny", "count": 1}]
    (flipped,) = tried["samples"]
    assert flipped["case"] == allowed["decision_id"]
    assert (tried["deterministic"], tried["reproduced"], tried["not_reproduced"]) == (True, 2, 0)
    governance("policy", "simulate", "gate", str(candidate), "--max-flips", "0", expect=1)
    asked = governance.folder / "asked.jsonl"
    asked.write_text('{"score": 0.9}\n\n{"score": 1}\n{"nothing": 1}\n')
    given = json.loads(
        governance("policy", "simulate", "gate", str(candidate), "--inputs", str(asked), "--json")
    )
    assert [each["case"] for each in given["samples"]] == ["line 1"]
    unchanged = json.loads(governance("policy", "simulate", "gate", str(file), "--json"))
    assert (unchanged["same"], unchanged["samples"]) == (2, []), "the recorded decisions come out again"
    governance("policy", "update", "gate", "--description", "second")
    stored = json.loads(
        governance("policy", "simulate", "gate", "--version", "2", "--since", allowed["time"], "--json")
    )
    assert (stored["decisions"], stored["same"]) == (1, 1), "only what came since"
    shown = json.loads(governance("policy", "show", "gate", "--json"))
    assert [each["version"] for each in shown["versions"]] == [2, 1]
    differences = json.loads(governance("policy", "diff", "gate", "--from", "1", "--to", "2", "--json"))
    assert (differences["settings"], differences["source"]) == ({"description": ["", "second"]}, "")
    governance("policy", "activate", "gate", "--version", "2")
    governance("policy", "rollback", "gate", "--reason", "too strict")
    again = json.loads(governance(*ask, stdin="score: 0.9"))
    assert again["version"] == 1, "the pointer is flipped when the command is decided"
    governance("policy", "retire", "gate", "--reason", "done")
    governance("evaluate", "gate", "--input", "-", stdin="{}", expect=1)


def test_what_a_policy_did_is_counted_and_compared(governance: Governance) -> None:
    file = governance.folder / "counted.rego"
    file.write_text(REGO)
    governance("policy", "create", str(file), "--name", "counted")
    governance("policy", "activate", "counted", "--version", "1")
    for score, expected in (("0.1", 1), ("0.9", 0)):
        ask = ("evaluate", "counted", "--input", "-", "--resource", f"model/{score}")
        governance(*ask, stdin=f"score: {score}", expect=expected)
    counted = json.loads(governance("decisions", "stats", "--policy", "counted", "--json"))
    assert [counted["totals"][name] for name in ("decisions", "denied", "failed")] == [2, 1, 0]
    assert [each["violation"] for each in counted["violations"]] == ["score too low"]
    assert "score too low" in governance("decisions", "stats", "--group-by", "version")
    flips = json.loads(governance("policy", "flips", "counted", "--json"))
    assert (flips["activation"]["version"], flips["activation"]["previous_version"]) == (1, None)
    assert (flips["compared"], flips["complete"]) == (0, True), "nothing decided before"
    assert "counted" in governance("decisions", "coverage")
    assert "counted" not in governance("policy", "unused")


def test_counts_of_decisions_equal_the_events(governance: Governance) -> None:
    rebuild = ("projections", "rebuild", "--only", "decision_stats")
    governance(*rebuild)
    checked = json.loads(governance(*rebuild, "--check", "--json"))
    assert {lane["wrong"] for lane in checked["lanes"]} <= {0}
    assert "wrong" in governance("projections", "rebuild", "--check")


def test_a_change_is_proven_before_it_decides(governance: Governance) -> None:
    file = governance.folder / "gate.rego"
    file.write_text(REGO)
    governance("policy", "create", str(file), "--name", "proven")
    governance("policy", "activate", "proven", "--version", "1")
    ask = ("evaluate", "proven", "--input", "-", "--resource", "model/m-17", "--json")
    allowed = json.loads(governance(*ask, stdin="score: 0.9"))
    file.write_text(REGO.replace("0.8", "0.95"))
    governance("policy", "update", "proven", str(file))
    asked = ("policy", "activate", "proven", "--version", "2", "--replay-days", "1", "--actor", "ann")
    governance(*asked, "--timeout", "60", expect=1)
    (replay,) = json.loads(governance("policy", "show", "proven", "--json"))["replays"]
    assert (replay["outcome"], replay["report"]["decisions"]) == ("over_budget", 1)
    assert [each["case"] for each in replay["report"]["samples"]] == [allowed["decision_id"]]
    assert replay["report"]["deterministic"]
    override = ("policy", "activate", "proven", "--version", "2", "--override-replay", "agreed")
    governance(*override, "--actor", "ann", expect=1)
    governance(*override, "--actor", "ben")
    governance(*ask, stdin="score: 0.9", expect=1)
    shown = json.loads(governance("policy", "show", "proven", "--json"))
    assert (shown["active_version"], shown["replays"][0]["overridden_by"]) == (2, "ben")


def test_what_is_quarantined_is_listed_shown_and_given_up(
    governance: Governance, environment: dict[str, str]
) -> None:
    value = f"not avro {uuid4().hex}".encode()
    asyncio.run(_send_garbage(environment["AUMOS_KAFKA_BOOTSTRAP_SERVERS"], value))
    held = _wait_for(governance, value)
    assert held["reason"] == "unknown_encoding"
    shown = json.loads(governance("quarantine", "show", held["position"], "--json"))
    assert bytes.fromhex(shown["value"]) == value
    assert base64.b64decode(dict(shown["headers"])["ce_id"]) == b"garbage"
    governance("quarantine", "retry", held["position"], expect=1)
    resolved = json.loads(governance("quarantine", "discard", held["position"], "--reason", "test", "--json"))
    assert resolved["body"]["action"] == "discarded"
    still = json.loads(governance("quarantine", "list", "--json"))
    assert held["position"] not in [each["position"] for each in still]


async def _send_garbage(bootstrap: str, value: bytes) -> None:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "garbage",
        "ce_type": "governance.policy.retire",
        "ce_source": "tests",
        "ce_tenantid": f"t-{uuid4().hex[:10]}",
        "ce_actorid": "tests",
    }
    producer = AIOKafkaProducer(**Broker(bootstrap).options())
    await producer.start()
    try:
        topic, pairs = "governance.policy.commands.v1", [(k, v.encode()) for k, v in headers.items()]
        await producer.send_and_wait(topic, value, partition=1, headers=pairs)
    finally:
        await producer.stop()


def _wait_for(governance: Governance, value: bytes) -> dict[str, str]:
    for _ in range(30):
        for held in json.loads(governance("quarantine", "list", "--json")):
            shown = json.loads(governance("quarantine", "show", held["position"], "--json"))
            if bytes.fromhex(shown["value"]) == value:
                return dict(held)
    raise AssertionError("the record never came to quarantine")


def test_a_lane_is_published_again_on_an_operators_word(governance: Governance) -> None:
    file = governance.folder / "gate.rego"
    file.write_text(REGO)
    created = json.loads(governance("policy", "create", str(file), "--name", "g", "--json"))
    lane = created["lane"]
    place = ("--topic", lane["topic"], "--partition", str(lane["partition"]))
    again = json.loads(governance("lanes", "republish", *place, "--from", str(lane["sequence"]), "--json"))
    assert again["event"] == "governance.policy.lane_republished"
    assert again["body"]["from_sequence"] == lane["sequence"]
    lanes = {
        (each["topic"], each["partition"]): each
        for each in json.loads(governance("lanes", "status", "--json"))
    }
    assert lanes["governance.policy.commands.v1", lane["partition"]]["lag"] == 0


def test_the_program_by_itself_finds_the_topics_as_the_file_says(governance: Governance) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUMOS_")}
    done = subprocess.run(
        [sys.executable, "-m", "client.cli", "topics", "plan", "--json"],
        env={**kept, **governance.environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["changes"] == []


def test_the_command_line_finds_the_embedded_stack_by_itself(
    system: devstack.Stack, governance: Governance
) -> None:
    governance.environment = {"AUMOS_STACK_DIR": str(system.layout.root)}
    assert json.loads(governance("topics", "plan", "--json"))["changes"] == []
    assert json.loads(governance("policy", "list", "--json")) is not None


def test_a_second_up_finds_the_first(system: devstack.Stack, governance: Governance) -> None:
    governance.environment["AUMOS_STACK_DIR"] = str(system.layout.root)
    before = {each["name"]: each["pid"] for each in json.loads(governance("status", "--json"))}
    found = json.loads(governance("up", "--json"))
    assert {each["name"]: each["pid"] for each in found["components"]} == before
    assert found["api_url"] == governance.environment["AUMOS_GOVERNANCE_API_URL"]
    governance.environment["AUMOS_GOVERNANCE_TOKEN"] = found["token"]
    assert json.loads(governance("policy", "list", "--tenant", "acme", "--json")) is not None


def test_the_running_system_keeps_the_six_invariants(governance: Governance) -> None:
    governance("evaluate", "nowhere", "--input", "-", stdin="{}", expect=1)
    for _ in range(20):
        result = CliRunner().invoke(app, ["verify", "--json"], env=governance.environment)
        if result.exit_code == 0:
            break
    report = json.loads(result.stdout)
    assert [each["number"] for each in report["invariants"] if not each["holds"]] == []
    assert len(report["invariants"]) == 6


def test_people_read_the_same_as_programs(governance: Governance) -> None:
    file = governance.folder / "gate.rego"
    file.write_text(REGO)
    assert "governance.policy.created" in governance("policy", "create", str(file), "--name", "gate")
    assert "gate is decided by version 1" in governance("policy", "activate", "gate", "--version", "1")
    ask = ("evaluate", "gate", "--input", "-", "--resource", "model/m-17", "--audited")
    denied = governance(*ask, stdin='{"score": 0.1}', expect=1)
    assert denied.startswith("DENY  gate version 1 on model/m-17\n  - score too low\n")
    decision, index = denied.split("decision ")[1].split()[0], denied.split()[-1]
    assert "model/m-17" in governance("decisions", "list")
    assert "score too low" in governance("decisions", "show", decision)
    assert decision in governance("audit", "list", "--event-id", decision)
    assert decision in governance("audit", "show", index)
    assert "validated" not in governance("policy", "show", "gate")
    assert "active" in governance("policy", "list")
    commands = governance.folder / "commands.yaml"
    commands.write_text("type: governance.policy.retire\nid: c-1\ndata: {policy: gate}\n")
    assert "governance.policy.retired" in governance("publish", str(commands), "--until", "audited")
    assert "decided   c-1" in governance("publish", str(commands))
    assert "accepted  c-1" in governance("publish", str(commands), "--until", "accepted")
    assert "governance.policy.retired" in governance("command", "c-1")
    assert "governance.policy.commands.v1/" in governance("lanes", "status")
    assert "Quarantine" in governance("quarantine", "list", "--state", "parked")


def test_people_read_the_condition_of_the_system(system: devstack.Stack, governance: Governance) -> None:
    governance.environment["AUMOS_STACK_DIR"] = str(system.layout.root)
    assert "worker-0" in governance("status")
    assert governance("up").count("running") >= 10
    governance("migrate")
    assert "topics are as topics.yaml says" in governance("topics", "plan")
    verified = CliRunner().invoke(app, ["verify"], env=governance.environment).stdout
    assert verified.count("compared)") == 6


def test_a_source_that_cannot_be_read_leaves_verify_unreachable(governance: Governance) -> None:
    governance.environment["AUMOS_GOVERNANCE_SINK_API_URL"] = "http://127.0.0.1:1"
    governance("verify", expect=4)


def test_lanes_are_shown_although_kafka_is_away(governance: Governance) -> None:
    governance.environment["AUMOS_KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
    lanes = json.loads(governance("lanes", "status", "--json"))
    assert {each["lag"] for each in lanes} == {None}


def test_a_wrong_password_leaves_the_database_unreachable(governance: Governance) -> None:
    url = governance.environment["AUMOS_DATABASE_URL"]
    governance.environment["AUMOS_DATABASE_URL"] = url.replace("gov_agents:", "gov_agents:x")
    governance("quarantine", "list", expect=4)
