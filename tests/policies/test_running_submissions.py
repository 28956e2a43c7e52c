"""What running a policy at its submission shows: its tests, their coverage, its cost."""

import pytest

from rego.binary import BinaryLimits
from rego.findings import Accepted, Finding, Refused
from rego.source import PolicySource
from rego.submission import Checker, Terms
from tests.policies.modules import SLOW
from tests.policies.sets import GATE_SET, with_files

ENTRY = """\
package acme.gate

default allow := false

allow if input.score > data.least

violations contains "score too low" if not allow
"""
DATA = ("limits.json", '{"least": 0.5}')
TESTS = """\
package acme.gate_test

import data.acme.gate

test_high if gate.allow with input as {"score": 0.9}

test_other_data if not gate.allow with input as {"score": 0.6} with data.least as 0.7

test_printed if { print(gate.violations); gate.violations["score too low"] with input as {} }
"""


def with_tests(tests: str) -> PolicySource:
    return PolicySource(ENTRY, (DATA, ("acme/gate_test.rego", tests)))


async def accepted(checker: Checker, source: PolicySource, terms: Terms | None = None) -> Accepted:
    result = await checker.check("acme", "p-1", 1, source, terms or Terms())
    assert isinstance(result, Accepted), result
    return result


async def refused(checker: Checker, source: PolicySource, terms: Terms | None = None) -> tuple[Finding, ...]:
    result = await checker.check("acme", "p-1", 1, source, terms or Terms())
    assert isinstance(result, Refused), result
    assert all(each.hint for each in result.findings)
    return result.findings


async def test_tests_run_on_the_policy_and_its_data_and_are_counted(checker: Checker) -> None:
    result = await accepted(checker, with_tests(TESTS))
    assert (result.report.tests, result.report.coverage) == (3, 100.0)
    assert [path for path, _ in result.loaded.modules] == [], "tests are not loaded"


async def test_a_failing_test_is_found_where_it_stands(checker: Checker) -> None:
    findings = await refused(checker, with_tests(TESTS.replace("0.9", "0.4")))
    places = {(each.file, each.row, each.rule) for each in findings}
    assert ("acme/gate_test.rego", 5, "test_failed") in places


@pytest.mark.parametrize(
    ("test", "rule"),
    [
        ("test_x if nothing == 1", "rego_unsafe_var_error"),
        ("test_x if", "rego_parse_error"),
        ('test_x if http.send({"url": "http://127.0.0.1:9"}).x', "forbidden_builtin"),
        ("test_x if opa.runtime().env", "forbidden_builtin"),
        ("test_x if count(numbers.range(1, 1000000000)) == 1", "forbidden_builtin"),
    ],
)
async def test_tests_that_do_not_compile_or_want_more_than_they_may_are_refused(
    checker: Checker, test: str, rule: str
) -> None:
    findings = await refused(checker, with_tests(f"package acme.gate_test\n\n{test}\n"))
    assert {(each.file, each.rule) for each in findings} == {("acme/gate_test.rego", rule)}


_FOREVER = """\
package acme.gate_test

l := [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

test_forever if {
	some a in l; some b in l; some c in l; some d in l; some e in l; some f in l; some g in l; some h in l
	a + b + c + d + e + f + g + h == -1
}
"""


async def test_a_test_that_never_ends_is_ended(checker: Checker) -> None:
    (finding,) = await refused(checker, with_tests(_FOREVER))
    assert finding.rule in {"test_failed", "resource_limit"}


async def test_tests_that_print_without_end_are_ended(opa_binary: str) -> None:
    checker = Checker(opa_binary, BinaryLimits(output_bytes=1_000_000))
    loud = _FOREVER.replace("a + b", 'print("{}"); a + b'.format("x" * 500))
    (finding,) = await refused(checker, with_tests(loud))
    assert finding.rule in {"test_failed", "resource_limit"}


async def test_below_the_tenants_coverage_a_version_is_refused_with_the_rows(checker: Checker) -> None:
    tests = TESTS.split("test_high")[0] + "test_x if count(gate.violations) == 1 with input as {}\n"
    result = await accepted(checker, with_tests(tests), Terms(minimum_coverage=60))
    assert result.report.coverage == pytest.approx(100 * 2 / 3)
    first, second = await refused(checker, with_tests(tests), Terms(minimum_coverage=67))
    assert (first.rule, first.file, second.rule) == ("coverage_too_low", "policy.rego", "coverage_too_low")
    assert "66.7 %" in first.message
    assert (second.row, second.message) == (5, "never ran: 5")


async def test_without_tests_a_version_is_refused_where_coverage_is_asked_for(
    checker: Checker,
) -> None:
    (finding,) = await refused(checker, PolicySource(ENTRY, (DATA,)), Terms(minimum_coverage=1))
    assert finding.rule == "coverage_too_low"


async def test_the_cost_is_measured_on_inputs_of_tests_recorded_ones_and_made_up_ones(
    checker: Checker,
) -> None:
    async def recorded() -> list[bytes]:
        return [b'{"score":%d}' % number for number in range(5)]

    result = await accepted(
        checker, with_tests(TESTS.rpartition("test_printed")[0]), Terms(recorded=recorded)
    )
    assert result.report.inputs == 5 + 2 + 6
    assert result.report.slowest_us is not None
    assert 0 < result.report.slowest_us <= 200_000


async def test_an_input_over_the_timeout_is_too_slow_with_the_number(checker: Checker) -> None:
    async def recorded() -> list[bytes]:
        return [b'{"numbers":[1]}', b'{"numbers":[%b]}' % b",".join(b"%d" % n for n in range(60))]

    (finding,) = await refused(checker, PolicySource(SLOW), Terms(recorded=recorded))
    assert finding.rule == "too_slow"
    assert " ms to evaluate, the policy's timeout is 200 ms" in finding.message
    await accepted(checker, PolicySource(SLOW), Terms(timeout_ms=10_000))


async def test_an_input_on_which_rules_conflict_costs_no_other_its_measurement(checker: Checker) -> None:
    source = "package a\n\nallow := true if input.a == 1\n\nallow := false if input.b == 1\n"

    async def recorded() -> list[bytes]:
        return [b'{"a":1,"b":1}', b'{"a":1}', b'{"b":1}']

    result = await accepted(checker, PolicySource(source), Terms(recorded=recorded))
    assert 2 <= result.report.inputs < 3 + 6


LINTED = """\
package acme.gate

import rego.v1

allow if input.roles[_] != "guest"

allow if { input.a == input.a; 1 == 1 }

deny contains "x" if false

count(x) := x

violations contains "y" if count(input.x) == 2
"""


async def test_warnings_name_what_is_probably_not_meant(checker: Checker) -> None:
    files = (
        ("other.rego", "package other\n\nx := 1\n"),
        ("helper.rego", "package acme.gate\n\nlonely := 1\n"),
    )
    result = await accepted(checker, PolicySource(LINTED, files))
    assert [(each.file, each.row, each.column, each.rule) for each in result.warnings] == [
        ("policy.rego", 3, 8, "redundant_import"),
        ("policy.rego", 5, 1, "no_default"),
        ("policy.rego", 5, 10, "any_not_equal"),
        ("policy.rego", 7, 12, "self_comparison"),
        ("policy.rego", 7, 32, "constant_condition"),
        ("policy.rego", 9, 1, "unused_rule"),
        ("policy.rego", 9, 22, "constant_condition"),
        ("policy.rego", 11, 1, "shadowed_builtin"),
        ("other.rego", 1, 9, "unused_module"),
        ("helper.rego", 3, 1, "unused_rule"),
    ]
    assert all(each.message and each.hint for each in result.warnings)


@pytest.mark.parametrize(
    ("source", "rules"),
    [
        ("package a\n\ndefault allow := true\n", {"always_allows"}),
        ("package a\n\nallow := true\n", {"no_default", "always_allows"}),
        ("package a\n\ndefault allow := false\n\nallow if input.x\n", set()),
        ('package a\n\ndecision := {"allow": input.x}\n', set()),
    ],
)
async def test_a_policy_that_always_allows_is_told(checker: Checker, source: str, rules: set[str]) -> None:
    assert {each.rule for each in (await accepted(checker, PolicySource(source))).warnings} == rules


async def test_what_other_modules_use_is_no_warning(checker: Checker) -> None:
    assert (await accepted(checker, GATE_SET)).warnings == ()


def _bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("bomb.yaml", _bomb(9)),
        ("self.yaml", "a: &a [*a]\n"),
        ("deep.json", '{"a": ' + "[" * 50_000 + "]" * 50_000 + "}"),
        ("deep.yaml", "a: " + "[" * 20_000 + "]" * 20_000),
        ("tag.yaml", "a: !!python/object/apply:os.system [x]\n"),
    ],
)
async def test_hostile_data_is_refused_or_contained(checker: Checker, path: str, text: str) -> None:
    result = await checker.check("acme", "p-1", 1, with_files((path, text)))
    if isinstance(result, Refused):
        assert {each.rule for each in result.findings} <= {"bad_data", "resource_limit", "too_large"}
    else:
        assert len(result.loaded.data) < 1_000_000


@pytest.mark.parametrize(
    "line",
    [
        "x := {[a, b, c] | a := input.l[_]; b := input.l[_]; c := input.l[_]}",
        "x := [y | some a in input.l; some b in input.l; some c in input.l; y := [a, b, c]]",
        'x := regex.match("^(a+)+$", input.s)',
        "x := [i | some i in input.l; every j in input.l { every k in input.l { i <= j + k } }]",
    ],
)
async def test_an_exponential_rule_is_refused_or_stays_within_its_time(checker: Checker, line: str) -> None:
    async def recorded() -> list[bytes]:
        return [b'{"l":[%b],"s":"%b"}' % (b",".join(b"%d" % n for n in range(150)), b"a" * 5_000)]

    source = PolicySource(f"package a\n\ndefault allow := false\n\nallow if count([x]) == 1\n\n{line}\n")
    result = await checker.check("acme", "p-1", 1, source, Terms(timeout_ms=50, recorded=recorded))
    if isinstance(result, Refused):
        assert {each.rule for each in result.findings} <= {"too_slow", "resource_limit"}
    else:
        assert (result.report.slowest_us or 0) <= 50_000


async def test_a_hundred_files_are_answered(checker: Checker) -> None:
    files = tuple((f"m{n}.rego", f"package m{n}\n\nx := {n}\n") for n in range(99))
    result = await checker.check("acme", "p-1", 1, PolicySource(ENTRY, (DATA, *files)))
    assert isinstance(result, Accepted), result
    assert len(result.loaded.modules) == 99
