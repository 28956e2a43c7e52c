"""A wrong event is corrected on the running system, and whoever verifies the log sees both."""

import asyncio
import json
from pathlib import Path

import pytest

import devstack
from client.api import ReadApi
from client.errors import Rejected
from client.governance import GovernanceClient
from devstack.demo.servers import Servers
from schemas.models import ApproveCorrection, CorrectEvent, CreatePolicy
from schemas.topics import command_topic_for_events
from tests.command_line import Governance
from tests.ledger import signed_up, verified
from tests.system.acting import entry

SOURCE = (Path(__file__).parents[2] / "rego" / "examples" / "model_promotion.rego").read_text()


async def test_a_wrong_event_and_its_correction_are_shown_and_proven_together(
    gov: GovernanceClient, api: ReadApi, servers: Servers, system: devstack.Stack, tenant: str
) -> None:
    wrong = await gov.submit(CreatePolicy(name="Wrong", rego_content=SOURCE), until="audited")
    lane = {"topic": command_topic_for_events(wrong.decided.topic), "partition": wrong.decided.partition}
    propose = CorrectEvent.model_validate(
        {**lane, "event_id": wrong.decided.event_id, "reason": "misnamed", "details": b'{"name":"Right"}'}
    )
    request = await gov.submit(propose)
    approve = ApproveCorrection.model_validate({**lane, "request": request.event_id})
    with pytest.raises(Rejected, match="needs_second_actor"):
        await gov.submit(approve)
    async with GovernanceClient.connect(servers.kafka, tenant, "reviewer") as reviewer:
        corrected = await reviewer.submit(approve, until="audited")
    assert corrected.decided.type == "audit.correction"
    original = await entry(api, wrong.decided.event_id)
    (shown,) = original["corrections"]
    assert (shown["event_id"], shown["approver"]) == (corrected.decided.event_id, "reviewer")
    assert shown["details"] == {"name": "Right"}
    correction = await api.get(f"/api/v1/audit-trail/{shown['index']}")
    assert correction["corrects"]["index"] == original["index"]
    assert correction["details"]["leaf_hash"] == original["leaf_hash"]
    await signed_up(system)
    report = await asyncio.to_thread(verified, system)
    assert report["holds"], report
    (check,) = [each for each in report["checks"] if each["name"] == "corrections"]
    assert check["compared"] >= 1


def test_a_correction_goes_by_the_command_line(governance: Governance, tmp_path: Path) -> None:
    file, right = tmp_path / "gate.rego", tmp_path / "right.json"
    file.write_text(SOURCE)
    right.write_text('{"name": "Right Gate"}')
    made = json.loads(governance("policy", "create", str(file), "--name", "Wrong Gate", "--json"))
    lane = f"{made['lane']['topic']}/{made['lane']['partition']}"
    asked = ("--reason", "misnamed", "--details", str(right), "--lane", lane, "--actor", "ann", "--json")
    request = json.loads(governance("audit", "correct", made["event_id"], *asked))
    approval = ("audit", "approve-correction", request["event_id"], "--lane", lane)
    governance(*approval, "--actor", "ann", expect=1)
    done = json.loads(governance(*approval, "--actor", "bob", "--json"))
    assert (done["event"], done["body"]["approver"]) == ("audit.correction", "bob")
