"""Sources written to escape their package, or to take the checker down."""

import asyncio

import pytest

from rego.binary import BinaryLimits
from rego.places import Edited, Source
from rego.source import MAX_SOURCE_BYTES
from rego.submission import Accepted, Checker, Refused
from tests.policies.modules import ALLOW, policy

TENANTS_PACKAGE = 'tenants["acme"]["p-1"].v1'


def _package_lines(module: str) -> list[str]:
    return [line for line in module.splitlines() if line.lstrip().startswith("package")]


@pytest.mark.parametrize(
    "source",
    [
        "# package b\n# package c\npackage a # package d\n\nallow := true\n",
        "package # here it comes\na\n\nallow := true\n",
        'package a["package b"]\n\nallow := true\n',
        "package a[`b\npackage c`]\n\nallow := true\n",
        'package a["b" # ] package c\n]\n\nallow := true\n',
        'package a\n\nallow := true\n\ntext := "\\npackage b\\n"\n',
        "package a\n\nallow := true\n\ntext := `\npackage b\n`\n",
        "\ufeffpackage a\n\nallow := true\n",
        "\r\n\r\npackage a\r\n\r\nallow := true\r\n",
        "\t package\t a\t\n\nallow := true\n",
        "# \u2028package b\npackage a\n\nallow := true # \u2029 package c\n",
        "# é\U0001f600\npackage a\n\nallow := true\n",
        'package a["\\u0062"]\n\nallow := data.a.b.x\n\nx := data.a["b"].y\n\ny := true\n',
        "package a\n\nallow := true # no line feed at the end",
    ],
)
async def test_whatever_its_text_a_module_ends_in_the_tenants_package(
    checker: Checker, opa_binary: str, source: str
) -> None:
    result = await checker.check("acme", "p-1", 1, source)
    assert isinstance(result, Accepted), result
    again = await Checker(opa_binary).check("acme", "p-1", 1, result.loaded.module)
    assert isinstance(again, Refused)
    (finding,) = again.findings
    assert finding.rule == "reserved_package"
    assert "package tenants.acme.p-1.v1 is" in finding.message
    assert TENANTS_PACKAGE in result.loaded.module


@pytest.mark.parametrize(
    "source",
    [
        "package a\n\nallow := true\n\npackage b\n",
        "package a package b\n\nallow := true\n",
        "package a; allow := true\n",
        "package a\u0301\n\nallow := true\n",
        "package \uff41\n\nallow := true\n",
        "package a[x]\n\nallow := true\n",
        "allow := true\n",
        "",
        "# nothing\n",
    ],
)
async def test_a_source_without_exactly_one_plain_package_is_refused(checker: Checker, source: str) -> None:
    result = await checker.check("acme", "p-1", 1, source)
    assert isinstance(result, Refused)
    assert [finding.rule for finding in result.findings] == ["rego_parse_error"]


@pytest.mark.parametrize(
    "moved_text",
    [
        'package tenants["other"]["p-1"].v1\n\ndecision := {"allow": true}\n',
        'package tenants["acme"]["p-1"].v1\n\nx := 1\n\ndecision := data.tenants.other\n',
    ],
)
async def test_a_module_that_is_not_where_it_was_put_is_refused_however_that_came(
    checker: Checker, monkeypatch: pytest.MonkeyPatch, moved_text: str
) -> None:
    wrong = Edited(Source(moved_text.encode()), [])
    monkeypatch.setattr("rego.examining.moved", lambda *_: wrong)
    result = await checker.check("acme", "p-1", 1, ALLOW)
    assert isinstance(result, Refused)
    assert [finding.rule for finding in result.findings] == ["bad_text"]


@pytest.mark.parametrize(
    "tenant", ['a"]["b', "a\\", "a b", "é\U0001f600", "v1", "..", "data", "a`b", "%2e", "{x}"]
)
async def test_a_tenants_name_cannot_leave_its_quotes(checker: Checker, tenant: str) -> None:
    result = await checker.check(tenant, "p-1", 1, policy("x := data.acme.gate.allow"))
    assert isinstance(result, Accepted), result
    assert len(_package_lines(result.loaded.module)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "import data.acme.gate as mine\n\nx := mine.allow",
        "import data.acme.gate\n\nx := gate.allow",
        "import data.acme.gate.allow as yes\n\nx := yes",
    ],
)
async def test_an_import_of_the_own_package_moves_along(checker: Checker, line: str) -> None:
    source = f"package acme.gate\n{line}\n\nallow := true\n"
    result = await checker.check("acme", "p-1", 1, source)
    assert isinstance(result, Accepted), result
    assert "data.acme" not in result.loaded.module


async def test_text_that_only_looks_like_a_reference_is_left_alone(checker: Checker) -> None:
    source = policy("x := `data.acme.gate.allow` # data.acme.gate.allow")
    result = await checker.check("acme", "p-1", 1, source)
    assert isinstance(result, Accepted)
    assert "x := `data.acme.gate.allow` # data.acme.gate.allow" in result.loaded.module


async def test_deep_nesting_is_refused_before_anything_reads_it(checker: Checker) -> None:
    source = policy("x := " + "[" * 60_000 + "]" * 60_000)
    result = await checker.check("acme", "p-1", 1, source)
    assert isinstance(result, Refused)
    assert [(f.rule, f.row, f.column) for f in result.findings] == [("too_deep", 5, 56)]


async def test_a_bracket_in_a_string_is_no_nesting(checker: Checker) -> None:
    assert isinstance(await checker.check("acme", "p-1", 1, policy(f'x := "{"[" * 500}"')), Accepted)


async def test_a_source_over_the_size_limit_is_refused_unread(checker: Checker) -> None:
    result = await checker.check("acme", "p-1", 1, ALLOW + "#" * MAX_SOURCE_BYTES)
    assert isinstance(result, Refused)
    assert [finding.rule for finding in result.findings] == ["too_large"]


async def test_a_huge_literal_is_accepted_or_refused_but_answered(checker: Checker) -> None:
    result = await checker.check("acme", "p-1", 1, policy(f'x := "{"a" * 100_000}"'))
    assert isinstance(result, Accepted)


@pytest.mark.parametrize("text", ["package a\x00\n", "package a\n\nx := '\ud800'\n"])
async def test_text_that_is_no_text_is_refused(checker: Checker, text: str) -> None:
    result = await checker.check("acme", "p-1", 1, text)
    assert isinstance(result, Refused)
    assert [finding.rule for finding in result.findings] == ["bad_text"]


async def test_an_expression_that_makes_the_parser_quadratic_is_ended_by_the_limits(opa_binary: str) -> None:
    checker = Checker(opa_binary, BinaryLimits(cpu_s=1))
    result = await checker.check("acme", "p-1", 1, policy("x := " + "+".join(["1"] * 60_000)))
    assert isinstance(result, Refused)
    assert [finding.rule for finding in result.findings] == ["resource_limit"]


async def test_a_check_that_does_not_end_is_ended_and_not_remembered(opa_binary: str) -> None:
    checker = Checker(opa_binary, BinaryLimits(wall_s=0.001))
    result = await checker.check("acme", "p-1", 1, ALLOW)
    assert isinstance(result, Refused)
    assert [finding.rule for finding in result.findings] == ["resource_limit"]
    assert await checker.check("acme", "p-1", 1, ALLOW) is not result


async def test_output_beyond_its_bound_ends_the_check(opa_binary: str) -> None:
    checker = Checker(opa_binary, BinaryLimits(output_bytes=100_000))
    result = await checker.check("acme", "p-1", 1, policy(f"x := [{', '.join(['1'] * 2_000)}]"))
    assert isinstance(result, Refused)
    assert [finding.rule for finding in result.findings] == ["resource_limit"]


async def test_many_checks_at_once_all_answer(checker: Checker) -> None:
    results = await asyncio.gather(*(checker.check("acme", "p-1", n, ALLOW) for n in range(1, 9)))
    assert all(isinstance(result, Accepted) for result in results)
