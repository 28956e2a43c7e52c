"""Whatever one tenant submits is refused, or neither reads nor changes what another tenant is told."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from rego.submission import Accepted, Checker, Refused
from tests.policies_differential.hostile import (
    OWN_TARGETS,
    PACKAGES,
    SPOILERS,
    TARGETS,
    TENANTS,
    USES,
    VICTIM,
    VICTIM_INPUTS,
    Attack,
    attacks,
)
from tests.policies_differential.loading import Asked, finished, loaded_decisions
from tests.policies_differential.stage import ATTACKER_INPUTS, Stage, stages, victim_module

EXAMPLES = 100

VICTIM_ALONE = [
    ("", {"allow": True, "violations": []}),
    ("", {"allow": False, "violations": ["2"]}),
    ("", {"allow": False, "violations": ["10"]}),
    ("", {"allow": False, "violations": []}),
]


@pytest.fixture(scope="module")
def both(opa_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Stage]]:
    """Two stages that differ in the victim's secret alone."""
    with stages(opa_binary, tmp_path_factory.mktemp("stages"), ("one", "two")) as found:
        yield found


@pytest.fixture
def submission(opa_binary: str) -> Checker:
    return Checker(opa_binary)


def _check(submission: Checker, attack: Attack) -> Accepted | Refused:
    return finished(submission.check(*attack.key, attack.source))


def _assert_harmless(both: list[Stage], attack: Attack, module: str) -> None:
    scenes = [stage.beside(attack.key, module) for stage in both]
    for stage, scene in zip(both, scenes, strict=True):
        assert scene.victim == stage.alone == VICTIM_ALONE
        assert not stage.leaked(scene)
    assert scenes[0].attacker == scenes[1].attacker


@settings(max_examples=EXAMPLES)
@given(attack=attacks)
def test_a_hostile_module_is_refused_or_harmless(both: list[Stage], opa_binary: str, attack: Attack) -> None:
    result = _check(Checker(opa_binary), attack)
    if isinstance(result, Accepted):
        _assert_harmless(both, attack, result.module)
    else:
        assert all(finding.rule and finding.message for finding in result.findings)


def _using(target: str, use: str = USES[0]) -> Attack:
    line = use.replace("TARGET", target)
    return Attack(("acme", "p-0", 1), f'package acme.gate\n\nown := "own"\n\nallow := true\n\n{line}\n')


_DATA_RULES = {"foreign_data", "dynamic_data"}


@pytest.mark.parametrize("target", [target for target in TARGETS if not target.startswith("{")])
def test_a_reference_out_of_the_package_is_refused_by_name(submission: Checker, target: str) -> None:
    result = _check(submission, _using(target))
    assert isinstance(result, Refused)
    assert {finding.rule for finding in result.findings} <= _DATA_RULES


@pytest.mark.parametrize("use", USES)
def test_no_use_hides_a_reference_out_of_the_package(submission: Checker, use: str) -> None:
    result = _check(submission, _using(TARGETS[0], use))
    assert isinstance(result, Refused)
    assert {finding.rule for finding in result.findings} & {*_DATA_RULES, "with_data"}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_line_leads_out_of_the_tenant(
    both: list[Stage], submission: Checker, package: str
) -> None:
    attack = Attack(("acme", "p-0", 1), f"package {package}\n\nallow := true\n")
    result = _check(submission, attack)
    if isinstance(result, Accepted):
        assert package in _HARMLESS_PACKAGES
        _assert_harmless(both, attack, result.module)
    else:
        assert package not in _HARMLESS_PACKAGES


_HARMLESS_PACKAGES = frozenset({"data.tenants.victim"})
"""The author's own package may be called so; it is moved like every other."""


@pytest.mark.parametrize("line", SPOILERS)
def test_a_rule_that_would_merge_collide_or_fail_spoils_nothing_of_others(
    both: list[Stage], submission: Checker, line: str
) -> None:
    allow = "" if line.startswith("allow") else "default allow := true"
    attack = Attack(("acme", "p-0", 1), f"package acme.gate\n\n{allow}\n\n{line}\n")
    result = _check(submission, attack)
    if isinstance(result, Accepted):
        _assert_harmless(both, attack, result.module)
    else:
        assert result.findings[0].rule in {"dynamic_data", "rego_compile_error"}, result.findings


def test_the_same_policy_of_many_tenants_in_one_bundle_changes_no_tenants_decision(
    opa_binary: str, submission: Checker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    modules = {VICTIM: victim_module(opa_binary, "secret")}
    for tenant in TENANTS:
        for number, target in enumerate(OWN_TARGETS):
            attack = Attack((tenant, f"p-{number}", 1), _using(target).source)
            result = _check(submission, attack)
            assert isinstance(result, Accepted), result
            modules[attack.key] = result.module
    asked = [Asked(VICTIM, document) for document in VICTIM_INPUTS]
    asked += [Asked(key, document) for key in modules if key != VICTIM for document in ATTACKER_INPUTS]
    outcomes = loaded_decisions(opa_binary, tmp_path_factory.mktemp("bundle"), modules, asked)
    assert outcomes[: len(VICTIM_INPUTS)] == VICTIM_ALONE
    assert {json.dumps(found) for found in outcomes[len(VICTIM_INPUTS) :]} == {
        json.dumps(("", {"allow": True, "violations": []}))
    }


def test_a_leak_and_a_changed_result_would_be_seen(both: list[Stage]) -> None:
    reader = 'package tenants.acme["p-0"].v1\n\ndecision := data.tenants.victim["p-0"].v1.secret\n'
    merger = 'package tenants.victim["p-0"].v1\n\nnames contains "b"\n'
    for stage in both:
        assert stage.leaked(stage.beside(("acme", "p-0", 1), reader))
        assert stage.beside(("acme", "p-0", 1), merger).victim != stage.alone
