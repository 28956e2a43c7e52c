"""Client and command line before the real engine: Kafka, Postgres, OPA, worker, bundle service, sink, API."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from client.api import ReadApi
from client.broker import Broker
from client.cli.main import app
from client.cli.settings import Settings
from client.consumer import Event, EventConsumer
from client.errors import Rejected, UnknownPolicy
from client.governance import GovernanceClient
from schemas.identity import new_command_id
from schemas.models import ActivatePolicy, CreatePolicy, RetirePolicy
from tests.client.conftest import Stack

ROOT = Path(__file__).parents[2]
REGO = """\
package aumos.test.gate

import rego.v1

default allow := false

allow if input.score > 0.8

violations contains "score too low" if not allow
"""


@pytest.fixture
def environment(system: Stack) -> dict[str, str]:
    return system.environment()


@pytest.fixture
def tenant() -> str:
    """A tenant of its own for each test."""
    return f"t-{uuid4().hex[:10]}"


@pytest.fixture
async def gov(environment: dict[str, str], tenant: str) -> AsyncIterator[GovernanceClient]:
    own = Settings.model_validate(environment)
    async with (
        ReadApi.connect(own.api(), lambda: own.bearer(tenant)) as outcomes,
        GovernanceClient.connect(
            environment["AUMOS_KAFKA_BOOTSTRAP_SERVERS"], tenant, "tests", outcomes=outcomes
        ) as client,
    ):
        yield client


@pytest.fixture
async def gate(gov: GovernanceClient) -> str:
    """An active policy."""
    await gov.submit(CreatePolicy(name="gate", rego_content=REGO))
    await gov.submit(ActivatePolicy(policy="gate", version=1))
    async with asyncio.timeout(30):
        while True:
            try:
                await gov.evaluate("gate", {"score": 1})
            except UnknownPolicy:
                await asyncio.sleep(0.1)
            else:
                return "gate"


async def test_a_decision_comes_back_to_the_caller_who_asked(gov: GovernanceClient, gate: str) -> None:
    verdicts = await asyncio.gather(
        *(gov.evaluate(gate, {"score": n / 100}, resource=f"model/{n}", timeout=30) for n in range(100))
    )
    assert [verdict.allowed for verdict in verdicts] == [n > 80 for n in range(100)]
    assert verdicts[0].reasons == ("score too low",)


async def test_a_receipt_names_the_entry_that_the_wall_holds(
    gov: GovernanceClient, gate: str, environment: dict[str, str], tenant: str
) -> None:
    receipt = await gov.submit(RetirePolicy(policy=gate), "audited", timeout=30)
    own = Settings.model_validate(environment)
    async with ReadApi.connect(own.api(), lambda: own.bearer(tenant)) as api:
        entry = await api.get(f"/api/v1/audit-trail/{receipt.index}")
    assert entry["event_id"] == receipt.decided.event_id
    assert receipt.tree_size is not None
    assert receipt.index < receipt.tree_size


async def test_a_command_sent_again_has_its_first_outcome(gov: GovernanceClient, gate: str) -> None:
    command, command_id = CreatePolicy(name="other", rego_content=REGO), new_command_id()
    first = await gov.submit(command, command_id=command_id)
    again = await gov.submit(command, command_id=command_id)
    assert again.event_id == first.event_id
    decision = await gov.evaluate(gate, {"score": 0}, resource="r", command_id="same")
    repeated = await gov.evaluate(gate, {"score": 0}, resource="r", command_id="same")
    assert (repeated.decision_id, repeated.reasons) == (decision.decision_id, decision.reasons)
    receipts = [await gov.submit(command, "audited", command_id=command_id) for _ in range(2)]
    assert receipts[0].index == receipts[1].index


async def test_a_rejection_names_its_reason_and_findings(gov: GovernanceClient) -> None:
    with pytest.raises(Rejected) as caught:
        await gov.submit(CreatePolicy(name="bad", rego_content="package p\nallow if {"))
    assert caught.value.reason == "invalid_rego"
    assert caught.value.findings


async def test_an_unknown_policy_is_an_error(gov: GovernanceClient) -> None:
    with pytest.raises(UnknownPolicy):
        await gov.evaluate("nowhere", {})


async def test_a_consumer_sees_every_sequence_once(
    gov: GovernanceClient, gate: str, environment: dict[str, str], tenant: str
) -> None:
    await gov.evaluate(gate, {"score": 0}, resource="model/last", command_id="the-last")
    seen: dict[tuple[str, int], list[int]] = {}
    async with EventConsumer.connect(environment["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]) as events:
        async with asyncio.timeout(30):
            async for event in events:
                seen.setdefault(event.place, []).append(event.sequence)
                if _is(event, tenant, "the-last"):
                    break
    assert all(found == list(range(found[0], found[0] + len(found))) for found in seen.values())


def _is(event: Event, tenant: str, command_id: str) -> bool:
    return (event.envelope.tenant, event.envelope.command_id) == (tenant, command_id)


class Governance:
    """The command line in the environment of the system's operator."""

    def __init__(self, environment: dict[str, str], tenant: str, folder: Path) -> None:
        self.environment = {**environment, "AUMOS_GOVERNANCE_TENANT": tenant}
        self.folder = folder

    def __call__(self, *arguments: str, stdin: str = "", expect: int = 0) -> str:
        done = CliRunner().invoke(app, arguments, input=stdin, env=self.environment)
        assert done.exit_code == expect, done.output
        return done.stdout


@pytest.fixture
def governance(environment: dict[str, str], tenant: str, tmp_path: Path) -> Governance:
    return Governance(environment, tenant, tmp_path)


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
    governance("policy", "update", "gate", "--description", "second")
    shown = json.loads(governance("policy", "show", "gate", "--json"))
    assert [each["version"] for each in shown["versions"]] == [2, 1]
    governance("policy", "retire", "gate", "--reason", "done")
    governance("evaluate", "gate", "--input", "-", stdin="{}", expect=1)


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
