"""The command line: what it takes, what it says, and how it exits. No server is asked."""

import json
from collections.abc import Sequence

import jwt
import pytest

from client.cli import settings, stack
from client.cli.output import Exit, exit_code, report
from client.errors import (
    Finding,
    GovernanceError,
    InvalidCommand,
    NotConfigured,
    Rejected,
    TimedOut,
    UnknownPolicy,
    Unreachable,
)
from devstack.demo.scenario import SEED
from schemas.avro import FOLDER
from schemas.codec import decode
from schemas.envelope import envelope_of
from schemas.releases import Problem
from tests.client.shell import Shell

KEY = "k" * 32
REGO = "package p\n\ndefault allow = false\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidCommand("x"), 2),
        (NotConfigured("X", "x"), 2),
        (TimedOut("c", "decided", 1), 3),
        (Unreachable("x"), 4),
        (Rejected("r", "d", (), "c", "e"), 1),
        (UnknownPolicy("p", "c", "e"), 1),
    ],
)
def test_every_kind_of_error_has_its_exit_code(error: GovernanceError, code: int) -> None:
    assert exit_code(error) == code


@pytest.mark.parametrize(("policy", "code"), [("open", Exit.OK), ("gate", Exit.FAILED)])
def test_an_evaluation_exits_as_it_was_decided(shell: Shell, policy: str, code: Exit) -> None:
    result = shell.run("evaluate", policy, "--input", "-", stdin='{"score": 1}')
    assert result.exit_code == code
    assert ("ALLOW" if code is Exit.OK else "DENY") in result.output


def test_an_evaluation_for_programs_is_one_json_document(shell: Shell) -> None:
    result = shell.run("evaluate", "gate", "--input", "-", "--audited", "--json", stdin="score: 1")
    document = json.loads(result.stdout)
    assert (document["outcome"], document["reasons"]) == ("deny", ["scripted"])
    assert document["wall"]["index"] == 0


def test_a_time_out_exits_3_and_names_the_command(shell: Shell) -> None:
    shell.silent = True
    result = shell.run(
        "evaluate", "gate", "--input", "-", "--timeout", "0.01", "--command-id", "c-1", "--json", stdin="{}"
    )
    assert result.exit_code == Exit.TIMED_OUT
    assert json.loads(result.stderr)["command_id"] == "c-1"


@pytest.mark.parametrize("text", ["", "[]", "1", "{", "a: [", '{"a": 1}\n{"b": 2}'])
def test_an_input_that_is_no_object_is_wrong_usage(shell: Shell, text: str) -> None:
    result = shell.run("evaluate", "gate", "--input", "-", stdin=text)
    assert result.exit_code == Exit.USAGE
    assert shell.sent == []


def test_an_absent_file_is_wrong_usage(shell: Shell) -> None:
    result = shell.run("publish", str(shell.folder / "absent.json"))
    assert result.exit_code == Exit.USAGE
    assert "absent.json" in result.stderr


def test_a_policy_is_created_from_its_file(shell: Shell) -> None:
    file = shell.file("gate.rego", REGO)
    result = shell.run(
        "policy", "create", file, "--name", "g", "--regulation", "hipaa", "--fail-mode", "open", "--json"
    )
    assert result.exit_code == Exit.OK
    (sent,) = shell.sent
    assert envelope_of(sent.headers).type == "governance.policy.create"
    assert REGO.encode() in sent.value


@pytest.mark.parametrize(
    "arguments",
    [
        ("policy", "create", "FILE", "--name", ""),
        ("policy", "create", "FILE", "--name", "g", "--regulation", "nope"),
        ("policy", "create", "FILE", "--name", "g", "--fail-mode", "maybe"),
        ("policy", "create", "FILE", "--name", "g", "--timeout-ms", "0"),
        ("policy", "create", "FILE"),
        ("policy", "activate", "g"),
        ("policy", "activate", "g", "--version", "0"),
        ("policy", "nope"),
        ("lanes", "republish", "--topic", "nope", "--partition", "0", "--from", "1"),
        ("lanes", "republish", "--topic", "governance.policy.events.v1", "--partition", "9", "--from", "1"),
        ("quarantine", "retry", "governance.policy.commands.v1/0"),
        ("quarantine", "discard", "governance.policy.commands.v1/x/1"),
        ("publish", "FILE", "--until", "never"),
    ],
)
def test_wrong_usage_exits_2_and_sends_nothing(shell: Shell, arguments: Sequence[str]) -> None:
    shell.setenv(AUMOS_GOVERNANCE_ENGINE_KEY="ab" * 32)
    file = shell.file("gate.rego", REGO)
    result = shell.run(*(file if each == "FILE" else each for each in arguments))
    assert result.exit_code == Exit.USAGE
    assert shell.sent == []


def test_an_update_without_file_keeps_the_source(shell: Shell) -> None:
    result = shell.run("policy", "update", "g", "--description", "better", "--json")
    assert result.exit_code == Exit.OK
    assert len(shell.sent) == 1


def test_a_suspension_names_its_policy_version_and_reason(shell: Shell) -> None:
    shell.run("policy", "suspend", "gate", "--version", "2", "--reason", "wrong")
    (sent,) = shell.sent
    assert envelope_of(sent.headers).type == "governance.policy.suspend"
    assert decode("governance.policy.suspend", sent.value) == {
        "policy": "gate",
        "version": 2,
        "reason": "wrong",
        "cause": "operator",
    }


def test_an_operators_command_goes_signed_to_its_lane(shell: Shell) -> None:
    shell.setenv(AUMOS_GOVERNANCE_ENGINE_KEY="ab" * 32)
    shell.run(
        "lanes", "republish", "--topic", "governance.policy.events.v1", "--partition", "2", "--from", "7"
    )
    shell.run("quarantine", "retry", "governance.evaluation.commands.v1/5/12", "--reason", "fixed")
    places = [(sent.topic, sent.partition) for sent in shell.sent]
    assert places == [("governance.policy.commands.v1", 2), ("governance.evaluation.commands.v1", 5)]
    assert all(envelope_of(sent.headers).mac for sent in shell.sent)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("quarantine", "list"), "AUMOS_DATABASE_URL"),
        (("lanes", "status"), "AUMOS_DATABASE_URL"),
        (("policy", "list"), "AUMOS_GOVERNANCE_API_URL"),
        (("token",), "AUMOS_GOVERNANCE_TOKEN"),
        (("verify",), "AUMOS_GOVERNANCE_SINK_API_URL"),
        (("quarantine", "retry", "t/0/1"), "AUMOS_GOVERNANCE_ENGINE_KEY"),
    ],
)
def test_a_missing_setting_is_named_with_what_to_do(
    shell: Shell, arguments: Sequence[str], named: str
) -> None:
    result = shell.run(*arguments)
    assert result.exit_code == Exit.USAGE
    assert named in result.stderr
    assert "governance up" in result.stderr


def test_a_variable_without_sense_is_named_and_not_shown(shell: Shell) -> None:
    shell.setenv(AUMOS_KAFKA_SECURITY_PROTOCOL="s3cret")
    result = shell.run("topics", "plan")
    assert result.exit_code == Exit.USAGE
    assert "AUMOS_KAFKA_SECURITY_PROTOCOL" in result.stderr
    assert "s3cret" not in result.stderr


def test_a_token_names_its_tenant_and_scopes(shell: Shell) -> None:
    shell.setenv(AUMOS_GOVERNANCE_TOKEN_KEY=KEY)
    minted = shell.run("token", "--tenant", "globex", "--scope", "governance:read", "--lifetime", "60")
    claims = jwt.decode(minted.stdout.strip(), KEY, algorithms=["HS256"], audience="aumos-governance")
    assert (claims["tenant"], claims["scope"]) == ("globex", "governance:read")
    assert claims["exp"] - claims["iat"] == 60


def test_a_short_token_key_is_refused(shell: Shell) -> None:
    shell.setenv(AUMOS_GOVERNANCE_TOKEN_KEY="short")
    assert shell.run("token").exit_code == Exit.USAGE


@pytest.mark.parametrize("arguments", [("topics", "plan"), ("topics", "apply")])
def test_a_broker_that_does_not_listen_exits_4(shell: Shell, arguments: Sequence[str]) -> None:
    result = shell.run(*arguments, "--json")
    assert result.exit_code == Exit.UNREACHABLE
    assert json.loads(result.stderr)["error"] == "Unreachable"


def test_an_api_that_does_not_listen_exits_4(shell: Shell) -> None:
    shell.setenv(AUMOS_GOVERNANCE_API_URL="http://127.0.0.1:1", AUMOS_GOVERNANCE_TOKEN_KEY=KEY)
    for arguments in (("policy", "list"), ("decisions", "list"), ("audit", "list"), ("command", "c-1")):
        assert shell.run(*arguments).exit_code == Exit.UNREACHABLE


def test_access_rules_are_printed_for_kafkas_own_tool(shell: Shell) -> None:
    result = shell.run("topics", "acls", "--principals", "User:{service}.example")
    assert result.exit_code == Exit.OK
    assert "--allow-principal User:worker.example --operation Write" in result.stdout


def test_the_schemas_of_this_checkout_keep_every_promise(shell: Shell) -> None:
    assert shell.run("schemas", "check").exit_code == Exit.OK
    assert json.loads(shell.run("schemas", "check", "--json").stdout) == {"problems": []}
    assert shell.run("schemas", "asyncapi", "--check").exit_code == Exit.OK
    assert shell.run("schemas", "events", "--check").exit_code == Exit.OK


def test_without_a_stack_its_status_exits_4(shell: Shell) -> None:
    shell.setenv(AUMOS_STACK_DIR=str(shell.folder / "none"))
    result = shell.run("status")
    assert result.exit_code == Exit.UNREACHABLE
    assert "governance up" in result.stderr


def test_without_a_stack_there_is_nothing_to_stop(shell: Shell) -> None:
    shell.setenv(AUMOS_STACK_DIR=str(shell.folder / "none"))
    assert json.loads(shell.run("down", "--json").stdout) == {"stopped": []}


def test_secrets_are_not_shown_by_the_settings(shell: Shell) -> None:
    shell.setenv(AUMOS_KAFKA_PASSWORD="s3cret", AUMOS_GOVERNANCE_ENGINE_KEY="ab" * 32)
    own = settings.settings()
    assert "s3cret" not in repr(own) + repr(own.broker())
    assert "abab" not in repr(own) + repr(own.sender(None, None, signed=True))


def test_every_command_explains_itself(shell: Shell) -> None:
    groups = ("policy", "decisions", "quarantine", "lanes", "audit", "topics", "schemas")
    for arguments in ((), *((group,) for group in groups), ("evaluate",), ("publish",), ("up",)):
        result = shell.run(*arguments, "--help")
        assert result.exit_code == Exit.OK
        assert "Usage" in result.stdout


@pytest.mark.parametrize(("code", "exits"), [(0, Exit.OK), (1, Exit.FAILED)])
def test_the_demonstration_exits_as_it_ended(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, code: int, exits: Exit
) -> None:
    given: dict[str, object] = {}

    def run(console: object, **options: object) -> int:
        given.update(options)
        return code

    monkeypatch.setattr(stack, "demonstrate", run)
    assert shell.run("demo", "--commands", "500", "--keep").exit_code == exits
    assert given == {"commands": 500, "seed": SEED, "keep": True, "json_output": None}


def test_people_read_what_is_wrong_with_a_schema(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "client.cli.schemas.problems", lambda _: [Problem("x.avsc", "is released and was edited")]
    )
    result = shell.run("schemas", "check")
    assert result.exit_code == Exit.FAILED
    assert result.stdout == "x.avsc: is released and was edited\n1 problem(s)\n"


def test_a_checkout_whose_schemas_are_released_has_none_to_release(shell: Shell) -> None:
    before = FOLDER.joinpath("released.json").read_bytes()
    assert shell.run("schemas", "release").stdout == "0 file(s) released\n"
    assert FOLDER.joinpath("released.json").read_bytes() == before


def test_a_rejections_findings_are_shown_with_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    finding = Finding("policy.rego", 3, 7, "rego_parse_error", "unexpected token", "close the brace")
    report(Rejected("invalid_rego", "one problem", [finding], "c", "e"), as_json=False)
    assert "policy.rego:3:7 rego_parse_error: unexpected token close the brace" in capsys.readouterr().err
