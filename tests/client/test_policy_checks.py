"""``governance policy validate|test``: the engine's own checks, on files."""

import json

from client.cli.output import Exit
from tests.client.conftest import REGO
from tests.client.shell import Shell

HOSTILE = "package a\n\nallow if http.send({}).x\n\nallow if data.b.c\n"
TESTS = """\
package gate_test

import data.aumos.test.gate

test_a_high_score_passes if gate.allow with input as {"score": 0.9}

test_a_low_score_is_told if gate.violations["score too low"] with input as {"score": 0.1}
"""


def test_what_a_submission_would_refuse_is_shown_with_its_place(shell: Shell, opa_binary: str) -> None:
    good, bad = shell.file("gate.rego", REGO), shell.file("bad.rego", HOSTILE)
    done = shell.run("policy", "validate", good, bad, "--opa", opa_binary)
    assert done.exit_code == Exit.FAILED
    assert f"{good}: would be accepted, package aumos.test.gate" in done.stdout
    assert f"{bad}:3:10: forbidden_builtin: http.send" in done.stdout
    assert f"{bad}:5:10: foreign_data: data.b.c" in done.stdout


def test_programs_get_findings_as_data(shell: Shell, opa_binary: str) -> None:
    done = shell.run("policy", "validate", shell.file("bad.rego", HOSTILE), "--opa", opa_binary, "--json")
    (document,) = json.loads(done.stdout)
    assert not document["accepted"]
    assert [(f["row"], f["column"], f["rule"]) for f in document["findings"]] == [
        (3, 10, "forbidden_builtin"),
        (5, 10, "foreign_data"),
    ]
    assert all(finding["hint"] for finding in document["findings"])


def test_tests_run_with_their_coverage(shell: Shell, opa_binary: str) -> None:
    files = shell.file("gate.rego", REGO), shell.file("gate_test.rego", TESTS)
    done = shell.run("policy", "test", *files, "--opa", opa_binary)
    assert (done.exit_code, done.stdout) == (Exit.OK, "2 of 2 tests passed, 100 % covered\n")


def test_too_little_coverage_is_a_failure_that_names_the_rows(shell: Shell, opa_binary: str) -> None:
    file = shell.file("gate.rego", REGO)
    tests = shell.file("gate_test.rego", TESTS.rpartition("test_a_low")[0])
    done = shell.run("policy", "test", file, tests, "--threshold", "100", "--opa", opa_binary)
    assert done.exit_code == Exit.FAILED
    assert "1 of 1 tests passed" in done.stdout
    assert "100 % are asked for" in done.stdout
    assert f"{file}: never ran: 5" in done.stdout


def test_a_failing_test_is_named_with_its_place(shell: Shell, opa_binary: str) -> None:
    files = shell.file("gate.rego", REGO.replace("0.8", "0.95")), shell.file("gate_test.rego", TESTS)
    done = shell.run("policy", "test", *files, "--opa", opa_binary)
    assert done.exit_code == Exit.FAILED
    assert f"{files[1]}:5: gate_test.test_a_high_score_passes failed" in done.stdout
    assert "1 of 2 tests passed" in done.stdout


def test_no_test_at_all_is_no_success(shell: Shell, opa_binary: str) -> None:
    done = shell.run("policy", "test", shell.file("gate.rego", REGO), "--opa", opa_binary)
    assert done.exit_code == Exit.FAILED
    assert "no test was found" in done.stderr


def test_what_does_not_parse_is_told_in_opas_words(shell: Shell, opa_binary: str) -> None:
    done = shell.run(
        "policy", "test", shell.file("gate.rego", "package p\n\nallow if {"), "--opa", opa_binary
    )
    assert done.exit_code == Exit.USAGE
    assert "rego_parse_error" in done.stderr


def test_without_an_opa_nothing_can_be_said(shell: Shell) -> None:
    for command in ("validate", "test"):
        done = shell.run("policy", command, shell.file("gate.rego", REGO), "--opa", "/nowhere/opa")
        assert done.exit_code == Exit.UNREACHABLE
        assert "no OPA binary" in done.stderr
