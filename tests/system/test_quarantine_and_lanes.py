"""What operators do with held records, by the command line."""

import asyncio
import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import devstack
from devstack.demo.records import Record, Run, commanded
from devstack.demo.servers import Servers
from schemas.confluent import ConfluentRegistry
from schemas.envelope import timestamp
from schemas.identity import OPERATOR_TENANT, new_command_id
from schemas.models import Evaluate
from tests.command_line import Governance
from tests.schemas.registry import Registry
from tests.system.acting import send
from tests.system.by_hand import activate, entry, held, lane
from tests.system.cases import with_header

_FRAME: Final = 5
"""Confluent framing: a zero byte and the schema id."""


def test_a_held_command_is_decided_on_retry_once_its_schema_is_known(
    system: devstack.Stack,
    servers: Servers,
    governance: Governance,
    tenant: str,
    schema_registry: Registry,
) -> None:
    activate(governance)
    command_id = new_command_id()
    sound = _evaluation(tenant, command_id)
    with closing(ConfluentRegistry(schema_registry.url)) as registry:
        body = {"policy": "gate", "input": b'{"ok":true}', "resource": "model/m-3", "decision_point": ""}
        framed = registry.encode(Evaluate.TYPE, body)
    schema = schema_registry.schemas[int.from_bytes(framed[1:_FRAME], "big") - 1]
    unknown_id = len(schema_registry.schemas) + 1
    value = b"\0" + unknown_id.to_bytes(4, "big") + framed[_FRAME:]
    position = _sent(servers, replace(sound, value=value))

    row = held(governance, position, "quarantined")
    assert (row["reason"], row["tenant"]) == ("unknown_schema", tenant)
    governance("quarantine", "retry", position, expect=1)
    assert held(governance, position, "quarantined") == row

    schema_registry.schemas.append(schema)
    system.restart("worker-0")  # one that looked for the schema in vain remembers that for a minute
    taken_up = json.loads(governance("quarantine", "retry", position, "--reason", "known now", "--json"))
    assert taken_up["event"] == "governance.evaluation.quarantine_resolved"
    assert (taken_up["body"]["action"], taken_up["body"]["reason"]) == ("retried", "known now")
    assert held(governance, position, "retried")["reason"] == "unknown_schema"
    known = json.loads(governance("command", command_id, "--json"))
    assert (known["state"], known["events"][0]["type"]) == ("decided", "governance.policy.evaluated")
    decisions = json.loads(governance("decisions", "list", "--policy", "gate", "--json"))
    assert [each["outcome"] for each in decisions] == ["allow"]
    governance("quarantine", "retry", position, expect=1)


def test_what_is_held_is_counted_shown_whole_and_given_up_with_a_reason(
    servers: Servers, governance: Governance, tenant: str
) -> None:
    record = replace(_evaluation(tenant, new_command_id()), value=b"\xff\x00 no command")
    before = lane(governance, record.partition)["quarantined"]
    position = _sent(servers, record)
    assert held(governance, position, "quarantined")["reason"] == "unknown_encoding"
    assert lane(governance, record.partition)["quarantined"] == before + 1
    shown = json.loads(governance("quarantine", "show", position, "--json"))
    assert bytes.fromhex(shown["value"]) == record.value
    assert bytes.fromhex(shown["key"]) == record.key
    assert "no command" in governance("quarantine", "show", position)
    resolved = json.loads(governance("quarantine", "discard", position, "--reason", "nonsense", "--json"))
    assert (resolved["body"]["action"], resolved["body"]["reason"]) == ("discarded", "nonsense")
    assert held(governance, position, "discarded")["tenant"] == tenant
    now = lane(governance, record.partition)
    assert (now["quarantined"], now["parked"]) == (before, 0)
    governance("quarantine", "discard", position, expect=1)
    recorded = entry(governance, OPERATOR_TENANT, resolved["event_id"])
    assert recorded["details"]["reason"] == "nonsense"


def _evaluation(tenant: str, command_id: str) -> Record:
    run = Run(command_id, timestamp(datetime.now(UTC)))
    command = Evaluate(policy="gate", input=b'{"ok":true}', resource="model/m-3")
    record = commanded(command, tenant, "svc-mlops", run.options(0), run)
    return with_header(record, "ce_id", command_id.encode())


def _sent(servers: Servers, record: Record) -> str:
    """The record's position, as the command line names it."""
    return "/".join(map(str, asyncio.run(send(servers.kafka, [record]))[0]))
