"""Commands in files: every form, and nothing sent unless all are sound."""

import json

import pytest

from client.cli.output import Exit
from schemas.envelope import envelope_of
from tests.client.shell import Shell


def evaluation(**changes: object) -> dict[str, object]:
    data = {"policy": "gate", "input": {"a": 1}, "resource": "model/m-17"}
    return {"type": "governance.policy.evaluate", "data": data, **changes}


YAML = """
type: governance.policy.evaluate
data: {policy: gate, input: {a: 1}, resource: r/1}
---
type: governance.policy.retire
id: c-2
tenantid: globex
actorid: someone
source: elsewhere
expectedversion: 3
data: {policy: old}
"""


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("one.json", json.dumps(evaluation()), 1),
        ("array.json", json.dumps([evaluation(), evaluation()]), 2),
        ("lines.jsonl", f"{json.dumps(evaluation())}\n\n{json.dumps(evaluation())}\n", 2),
        ("documents.yaml", YAML, 2),
    ],
)
def test_commands_are_published_from_every_form(shell: Shell, name: str, text: str, count: int) -> None:
    result = shell.run("publish", shell.file(name, text), "--json")
    assert result.exit_code == Exit.OK
    assert [each["state"] for each in json.loads(result.stdout)] == ["decided"] * count
    assert len(shell.sent) == count


def test_a_command_in_a_file_says_in_whose_name_it_is_sent(shell: Shell) -> None:
    shell.run("publish", shell.file("x.yaml", YAML))
    first, second = (envelope_of(sent.headers) for sent in shell.sent)
    assert (first.tenant, first.source) == ("acme", "governance-cli")
    assert (second.id, second.tenant, second.actor, second.source) == (
        "c-2",
        "globex",
        "someone",
        "elsewhere",
    )
    assert second.expected_version == 3


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (evaluation(type="governance.nope"), "unknown type"),
        (evaluation(data={"policy": "gate"}), "needs the field 'input'"),
        (evaluation(data={"policy": "gate", "input": {}, "resource": "r", "x": 1}), "no field 'x'"),
        (evaluation(data={"policy": "", "input": {}, "resource": "r"}), "policy"),
        (evaluation(tpye="x"), "tpye"),
        (evaluation(expectedversion=-1), "expectedversion"),
        ("text", "dictionary"),
    ],
)
def test_one_bad_command_keeps_all_from_being_sent(shell: Shell, broken: object, said: str) -> None:
    result = shell.run("publish", shell.file("x.json", json.dumps([evaluation(), broken])))
    assert result.exit_code == Exit.USAGE
    assert "command 2" in result.stderr
    assert said in result.stderr
    assert shell.sent == []


def test_a_refused_command_among_others_exits_1(shell: Shell) -> None:
    shell.engine.rejections = {"old": "policy_retired"}
    retire = {"type": "governance.policy.retire", "data": {"policy": "old"}}
    result = shell.run("publish", shell.file("x.json", json.dumps([evaluation(), retire])), "--json")
    assert result.exit_code == Exit.FAILED
    good, bad = json.loads(result.stdout)
    assert good["state"] == "decided"
    assert (bad["error"], bad["reason"]) == ("Rejected", "policy_retired")


def test_publishing_may_end_with_the_broker_or_the_wall(shell: Shell) -> None:
    file = shell.file("x.json", json.dumps(evaluation()))
    states = [
        json.loads(shell.run("publish", file, "--until", until, "--json").stdout)[0]["state"]
        for until in ("accepted", "audited")
    ]
    assert states == ["accepted", "audited"]
