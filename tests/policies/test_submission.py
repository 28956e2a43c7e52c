"""What the submission check accepts and refuses, and where its findings point."""

import json
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from rego import CheckUnavailable
from rego.submission import Accepted, Checker, Finding, Refused
from tests.policies.modules import ALLOW, EXAMPLE, policy


async def accepted(checker: Checker, source: str) -> Accepted:
    result = await checker.check("acme", "p-1", 3, source)
    assert isinstance(result, Accepted), result
    return result


async def refused(checker: Checker, source: str) -> tuple[Finding, ...]:
    result = await checker.check("acme", "p-1", 3, source)
    assert isinstance(result, Refused), result
    assert result.findings
    return result.findings


async def test_the_original_example_is_accepted_as_written(checker: Checker) -> None:
    result = await accepted(checker, EXAMPLE)
    assert result.package == "aumos.governance.model_promotion"
    assert 'package tenants["acme"]["p-1"].v3\n' in result.loaded.module
    assert result.loaded.digest == sha256(result.loaded.module.encode()).hexdigest()
    assert {warning.rule for warning in result.warnings} == {"redundant_import"}


async def test_a_module_with_its_own_decision_is_only_moved(checker: Checker) -> None:
    source = 'package a.b\n\ndecision := {"allow": input.x == 1, "because": "so"}\n'
    result = await accepted(checker, source)
    assert result.loaded.module == source.replace("package a.b", 'package tenants["acme"]["p-1"].v3')


async def test_a_decision_made_of_several_rules_is_accepted(checker: Checker) -> None:
    await accepted(
        checker, 'package a\n\ndecision.allow := true\n\ndecision.reasons contains "x" if input.x\n'
    )


async def test_the_same_source_is_checked_once(checker: Checker) -> None:
    first = await checker.check("acme", "p-1", 3, ALLOW)
    assert await checker.check("acme", "p-1", 3, ALLOW) is first
    assert await checker.check("acme", "p-1", 4, ALLOW) is not first


async def test_an_allow_without_default_is_a_warning(checker: Checker) -> None:
    result = await accepted(checker, "package a\n\nallow if input.x == 1\n")
    assert [(w.rule, w.row, w.column) for w in result.warnings] == [("no_default", 3, 1)]


async def test_a_missing_binary_is_an_outage_and_no_refusal() -> None:
    with pytest.raises(CheckUnavailable):
        await Checker("/nowhere/opa").check("acme", "p-1", 1, ALLOW)


async def test_a_binary_that_cannot_be_executed_is_an_outage(tmp_path: object) -> None:
    with pytest.raises(CheckUnavailable):
        await Checker("/etc/passwd").check("acme", "p-1", 1, ALLOW)


@pytest.mark.parametrize(
    ("line", "rule", "column"),
    [
        ("x := data.tenants.other.p.v1.allow", "foreign_data", 6),
        ("x := data.acme.gateway.allow", "foreign_data", 6),
        ("x := data.acme", "foreign_data", 6),
        ('x := data["acme"]["other"]', "foreign_data", 6),
        ("x := data.system.authz", "foreign_data", 6),
        ("x := data.lib.roles", "library_unavailable", 6),
        ("x := data", "dynamic_data", 6),
        ("x := y if { walk(data, [_, y]) }", "dynamic_data", 18),
        ("x := data[input.package]", "dynamic_data", 6),
        ("x := data.acme[input.package].allow", "dynamic_data", 6),
        ("x contains y if { some y, _ in data }", "dynamic_data", 32),
        ("x := [y | y := data[_].secret]", "dynamic_data", 16),
        ("data.other.x := 1", "dynamic_data", 1),
        ("data contains 1", "dynamic_data", 1),
        ("f(data) := 1", "dynamic_data", 3),
        ("x if { some data in input.xs }", "dynamic_data", 13),
        ('x := $"{data.other.secret}"', "foreign_data", 9),
        ("x if every y in data.other { y }", "foreign_data", 17),
        ("x := 1 if { true } else := data.other", "foreign_data", 28),
        ("f(y) := y + data.other.n", "foreign_data", 13),
        ("x[data.other.k] := 1", "foreign_data", 3),
        ("default x := 1\n\nx := data.other", "foreign_data", 6),
        ("x if { allow with data.acme.gate.y as 1 }", "with_data", 19),
        ("x if { allow with data.other as 1 }", "with_data", 19),
        ("x if { allow with input as data.other }", "foreign_data", 28),
        ("x := http.send({})", "forbidden_builtin", 6),
        ("x := time.now_ns()", "forbidden_builtin", 6),
        ("x := opa.runtime().env", "forbidden_builtin", 6),
        ("x if trace(input.x)", "forbidden_builtin", 6),
        ("x if print(input.x)", "forbidden_builtin", 6),
        ("x := numbers.range(1, input.n)", "forbidden_builtin", 6),
        ("f(y) := y\n\nx if { f({}) with f as http.send }", "forbidden_builtin", 24),
        ("x if { print(1) with print as trace }", "forbidden_builtin", 8),
        ("f(y) := y\n\nx if { f(1) with f as trace }", "forbidden_builtin", 23),
    ],
)
async def test_a_forbidden_construct_is_found_where_it_stands(
    checker: Checker, line: str, rule: str, column: int
) -> None:
    findings = await refused(checker, policy(line))
    row = 5 + line.count("\n")
    found = [(finding.rule, finding.row, finding.column) for finding in findings]
    assert (rule, row, column) in found
    assert all(finding.file == "policy.rego" and finding.hint for finding in findings)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("import data.other.roles", "forbidden_import"),
        ("import data.tenants", "forbidden_import"),
        ('import data["tenants"] as mine', "forbidden_import"),
        ("import data", "forbidden_import"),
        ("import data.lib.roles", "library_unavailable"),
        ("import rego.v2", "forbidden_import"),
        ("import schema.x", "rego_parse_error"),
    ],
)
async def test_only_the_input_and_the_own_package_can_be_imported(
    checker: Checker, line: str, rule: str
) -> None:
    findings = await refused(checker, f"package acme.gate\n{line}\n\nallow := true\n")
    assert [(finding.rule, finding.row, finding.column) for finding in findings] == [(rule, 2, 8)]


@pytest.mark.parametrize(
    "package", ["system", "system.authz", "gov", "lib.roles", "validator", "tenants.acme"]
)
async def test_the_engines_packages_cannot_be_taken(checker: Checker, package: str) -> None:
    findings = await refused(checker, policy(package=package))
    assert [(finding.rule, finding.row, finding.column) for finding in findings] == [
        ("reserved_package", 1, 9)
    ]


@pytest.mark.parametrize(
    ("source", "rule", "row"),
    [
        ("package a\n\nx := 1\n", "missing_allow", 1),
        ("package a\n", "missing_allow", 1),
        ("package a\n\nallow(x) := true\n", "wrong_shape", 3),
        ('package a\n\nallow contains "x"\n', "wrong_shape", 3),
        ("package a\n\nallow.x := true\n", "wrong_shape", 3),
        ("package a\n\ndecision(x) := true\n", "wrong_shape", 3),
        ('package a\n\ndecision contains "x"\n', "wrong_shape", 3),
        ("package a\n\nallow := true\n\nviolations(x) := x\n", "wrong_shape", 5),
        ('package a\n\nallow := true\n\nviolations.x contains "y"\n', "wrong_shape", 5),
    ],
)
async def test_rules_that_make_no_decision_document_are_refused(
    checker: Checker, source: str, rule: str, row: int
) -> None:
    assert [(finding.rule, finding.row) for finding in await refused(checker, source)] == [(rule, row)]


@pytest.mark.parametrize(
    "source",
    [
        policy("x := "),
        policy("x := y"),
        policy("x := count(1)"),
        policy("x := nothing.at.all(1)"),
        policy("x := x"),
        policy("x := data.acme.gate.x"),
        policy("z := data.acme.gate.allow; x := y"),
        policy("z if { data.acme.gate.allow; x == y }", "x := 1"),
        policy('z if { "é😀" == data.acme.gate.allow; x == y }', "x := 1"),
        policy("z if { unused := 1 }"),
        policy("z(unused) := 1"),
        policy("# METADATA", "# title: [", "x := 1"),
        policy('x := "é😀" if { y', "  }", 'z := data.acme["gate"].allow == y'),
        'package a["b" # ]\n].c\n\nallow if { data.a.b.c.x == 1; x == y }\n\nx := 1\n',
        "package a\r\n\r\nallow := y\r\n",
    ],
)
async def test_opas_own_findings_point_where_opa_sees_them_in_the_authors_source(
    checker: Checker, opa_binary: str, tmp_path: Path, source: str
) -> None:
    expected = _opas_own(opa_binary, tmp_path, source)
    assert {(f.rule, f.row, f.column) for f in await refused(checker, source)} == expected


def _opas_own(opa_binary: str, folder: Path, source: str) -> set[tuple[str, int, int]]:
    (folder / "policy.rego").write_bytes(source.encode())
    arguments = ["check", "--strict", "--format", "json", "policy.rego"]
    done = subprocess.run([opa_binary, *arguments], cwd=folder, capture_output=True, check=False)
    errors = json.loads(done.stderr)["errors"]
    return {(error["code"], error["location"]["row"], error["location"]["col"]) for error in errors}


async def test_messages_name_the_authors_package_and_not_the_tenants(checker: Checker) -> None:
    (finding,) = await refused(checker, policy("x := x"))
    assert "data.acme.gate.x" in finding.message
    assert "tenants" not in finding.message


async def test_every_finding_is_reported_at_once_in_source_order(checker: Checker) -> None:
    findings = await refused(checker, policy("x := data.other", "y := time.now_ns()", "z := data[input.k]"))
    assert [(finding.row, finding.rule) for finding in findings] == [
        (5, "foreign_data"),
        (6, "forbidden_builtin"),
        (7, "dynamic_data"),
    ]
