"""The table of malformed commands: the demo's kinds, and more; each with its outcome and reason code."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import orjson

from client.command import outgoing
from devstack.demo.malformed import KINDS, Case, Kind
from devstack.demo.malformed.kind import quarantined, rejected
from devstack.demo.records import Record, commanded
from schemas.codec import encode
from schemas.envelope import MAX_HEADER_BYTES, STRUCTURED_CONTENT
from schemas.identity import message_key, partition_for, policy_id
from schemas.models import (
    Command,
    ConfirmActivation,
    Confirmation,
    CreatePolicy,
    Evaluate,
    RepublishLane,
    RetirePolicy,
    UpdatePolicy,
)
from schemas.topics import topics

IDLE: Final = CreatePolicy(name="Idle Gate", rego_content="package idle\n\ndefault allow := true\n")
"""A policy that is never activated."""

NOT_THE_ENGINES_KEY: Final = b"\x01" * 32


def confirmation(case: Case) -> ConfirmActivation:
    """The engine-made command whose forgery is worth most."""
    policy = case.ask.gate.name
    return ConfirmActivation(
        policy=policy, version=1, revision=1, confirmations=[Confirmation(opa="opa-0", revision=1)]
    )


def signed(case: Case, command: Command, key: bytes) -> Record:
    """An engine-made command with a code made with ``key``."""
    sender = replace(case.run.sender(case.ask.tenant, "svc-platform"), engine_key=key)
    sent = outgoing(command, sender, case.run.options(case.number))
    return Record(sent.topic, sent.partition, sent.key, sent.headers, sent.value)


def with_header(record: Record, name: str, value: bytes | None) -> Record:
    """The record with one header replaced, or without it."""
    others = tuple(header for header in record.headers if header[0] != name)
    return replace(record, headers=others if value is None else (*others, (name, value)))


def _header(name: str, value: bytes) -> Callable[[Case], Record]:
    return lambda case: with_header(case.sound(), name, value)


def _input(document: bytes) -> Callable[[Case], Record]:
    def make(case: Case) -> Record:
        body = {"policy": case.ask.gate.name, "input": document, "resource": case.ask.resource}
        return replace(case.sound(), value=encode(Evaluate.TYPE, {**body, "decision_point": ""}))

    return make


def _command(make: Callable[[Case], Command]) -> Callable[[Case], Record]:
    return lambda case: commanded(
        make(case), case.ask.tenant, "svc-platform", case.run.options(case.number), case.run
    )


def _idle(case: Case) -> Command:
    return Evaluate(policy=IDLE.name, input=b"{}", resource=case.ask.resource)


def _without_code(case: Case) -> Record:
    return with_header(signed(case, confirmation(case), NOT_THE_ENGINES_KEY), "ce_enginemac", None)


def _in_json(case: Case) -> Record:
    """An engine-made command in the form that anyone with a console can write."""
    command, topic = confirmation(case), topics().command_topic_of(ConfirmActivation.TYPE)
    key = message_key(case.ask.tenant, policy_id(case.ask.tenant, command.policy))
    event = {
        "specversion": "1.0",
        "id": case.run.command_id(case.number),
        "type": command.TYPE,
        "source": case.run.source,
        "tenantid": case.ask.tenant,
        "actorid": "svc-platform",
        "data": command.model_dump(),
    }
    headers = (("content-type", STRUCTURED_CONTENT.encode()),)
    return Record(topic.name, partition_for(key, topic.partitions), key, headers, orjson.dumps(event))


def _other_lane(case: Case) -> Record:
    """A lane command in another lane than the one that it names."""
    record = _republication(case)
    return replace(record, partition=(record.partition + 1) % topics().named(record.topic).partitions)


def _republication(case: Case) -> Record:
    topic = topics().commands("evaluation").name
    return signed(case, RepublishLane(topic=topic, partition=0, from_sequence=1), NOT_THE_ENGINES_KEY)


def _refused(name: str, body: str) -> Kind:
    def create(case: Case) -> Command:
        source = f"package draft\n\ndefault allow := false\n\n{body}\n"
        return CreatePolicy(name=f"Draft {case.number}", rego_content=source)

    return rejected(name, "invalid_rego", _command(create))


CASES: Final = (
    *KINDS,
    quarantined("tenant with a slash", "bad_headers", _header("ce_tenantid", b"acme/other")),
    quarantined("no tenant", "bad_headers", _header("ce_tenantid", b"")),
    quarantined("huge header", "bad_headers", _header("ce_subject", b"x" * (MAX_HEADER_BYTES + 1))),
    rejected("infinity", "bad_input", _input(b'{"a":Infinity}')),
    rejected("number beyond a double", "bad_input", _input(b'{"a":1e999}')),
    rejected("half a surrogate pair", "bad_input", _input(b'{"a":"\\ud800"}')),
    rejected("byte order mark", "bad_input", _input(b"\xef\xbb\xbf{}")),
    rejected("two documents", "bad_input", _input(b"{}{}")),
    rejected("empty input", "bad_input", _input(b"")),
    rejected("a policy that is not active", "policy_not_active", _command(_idle)),
    rejected(
        "update of an unknown policy",
        "unknown_policy",
        _command(lambda case: UpdatePolicy(policy=f"Nobody's {case.number}", description="x")),
    ),
    rejected(
        "retirement of an unknown policy",
        "unknown_policy",
        _command(lambda case: RetirePolicy(policy=f"Nobody's {case.number}")),
    ),
    rejected("a name that is taken", "already_exists", _command(lambda case: case.ask.gate.command())),
    rejected("engine command without a code", "forged", _without_code),
    rejected("engine command in JSON", "forged", _in_json),
    rejected("lane command by nobody in charge", "forged", _republication),
    rejected("lane command in another lane", "wrong_lane", _other_lane),
    _refused("Rego that reads the environment", "allow if opa.runtime().env.HOME"),
    _refused("Rego that walks all data", "allow if data[name].open"),
    _refused("Rego that imports foreign data", "allow if data.tenants.other.p.v1.gate.allow"),
    _refused("Rego that swaps a builtin for foreign data", "allow if count([1]) == 0 with count as data.x"),
)
"""Every case has a row; the reason codes are the engine's contract with its callers."""

RULES: Final = {
    "Rego that does not parse": "rego_parse_error",
    "Rego with a network builtin": "forbidden_builtin",
    "Rego that reads another tenant's data": "foreign_data",
    "Rego that goes round in circles": "rego_recursion_error",
    "Rego that decides nothing": "missing_allow",
    "Rego that reads the environment": "forbidden_builtin",
    "Rego that walks all data": "dynamic_data",
    "Rego that imports foreign data": "foreign_data",
    "Rego that swaps a builtin for foreign data": "foreign_data",
}
"""The rule that each refused source breaks; its rejection's findings name it."""
