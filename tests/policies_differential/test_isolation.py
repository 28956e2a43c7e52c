"""Whatever one tenant submits is refused, or neither reads nor changes what another tenant is told."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rego.loaded import Loaded
from rego.source import PolicySource
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
from tests.policies_differential.stage import ATTACKER_INPUTS, Stage, staged, victim_of

EXAMPLES = 100

ASKED = (
    "data.acme.gate.stolen",
    "data.acme.gate[_]",
    "data.acme[_].stolen",
    "data.lib.x.stolen",
    "data.front.own",
)
"""What the entry module of a hostile set hands on."""

VICTIM_ALONE = [
    ("", {"allow": True, "violations": []}),
    ("", {"allow": False, "violations": ["2"]}),
    ("", {"allow": False, "violations": ["10"]}),
    ("", {"allow": False, "violations": []}),
]


@pytest.fixture(scope="module")
def both(opa_binary: str, tmp_path_factory: pytest.TempPathFactory) -> list[Stage]:
    """Two stages that differ in the victim's secret alone."""
    return [staged(opa_binary, tmp_path_factory.mktemp(variant), variant) for variant in ("one", "two")]


@pytest.fixture
def submission(opa_binary: str) -> Checker:
    return Checker(opa_binary)


def _check(submission: Checker, attack: Attack) -> Accepted | Refused:
    return finished(submission.check(*attack.key, attack.source))


def _check_set(opa_binary: str, attack: Attack, second: Attack, asked: str) -> Accepted | Refused:
    """The hostile modules are the others of a set, and the entry module hands on what they find."""
    entry = f"package front\n\ndefault allow := true\n\nviolations contains json.marshal(x) if x := {asked}\n"
    files = (("a.rego", attack.source), ("b.rego", second.source), ("front/own.json", '{"own": 1}'))
    return finished(Checker(opa_binary).check(*attack.key, PolicySource(entry, files)))


def _assert_harmless(both: list[Stage], attack: Attack, loaded: Loaded) -> None:
    scenes = [stage.beside(attack.key, loaded) for stage in both]
    for stage, scene in zip(both, scenes, strict=True):
        assert scene.victim == stage.alone == VICTIM_ALONE
        assert not stage.leaked(scene)
    assert scenes[0].attacker == scenes[1].attacker


@settings(max_examples=EXAMPLES)
@given(attack=attacks)
def test_a_hostile_module_is_refused_or_harmless(both: list[Stage], opa_binary: str, attack: Attack) -> None:
    result = _check(Checker(opa_binary), attack)
    if isinstance(result, Accepted):
        _assert_harmless(both, attack, result.loaded)
    else:
        assert all(finding.rule and finding.message for finding in result.findings)


@settings(max_examples=EXAMPLES // 2)
@given(attack=attacks, second=attacks, asked=st.sampled_from(ASKED))
def test_a_hostile_set_of_modules_is_refused_or_harmless(
    both: list[Stage], opa_binary: str, attack: Attack, second: Attack, asked: str
) -> None:
    result = _check_set(opa_binary, attack, second, asked)
    if isinstance(result, Accepted):
        _assert_harmless(both, attack, result.loaded)
    else:
        assert all(finding.file and finding.rule and finding.message for finding in result.findings)


def test_modules_of_a_set_that_need_each_other_are_loaded_at_once(both: list[Stage], opa_binary: str) -> None:
    user, definer = (
        Attack(("acme", "p-0", 1), f"package acme.gate\n\n{rule}\n")
        for rule in ("allow := stolen == stolen", "stolen := 1")
    )
    result = _check_set(opa_binary, user, definer, "data.acme.gate.allow")
    assert isinstance(result, Accepted), result
    _assert_harmless(both, user, result.loaded)
    told = both[0].beside(user.key, result.loaded).attacker
    assert told == [("", {"allow": True, "violations": ["true"]})] * len(ATTACKER_INPUTS)


@pytest.mark.parametrize("target", [target for target in TARGETS if not target.startswith("{")])
@pytest.mark.parametrize("file", ["lib/x.rego", "front/x.rego"])
def test_a_reference_out_of_a_set_is_refused_in_every_module(
    submission: Checker, target: str, file: str
) -> None:
    package = file.removesuffix(".rego").replace("/", ".")
    module = f'package {package}\n\nown := "own"\n\nstolen := {target}\n'
    entry = f"package front\n\ndefault allow := true\n\nviolations contains data.{package}.stolen\n"
    result = finished(submission.check("acme", "p-0", 1, PolicySource(entry, ((file, module),))))
    assert isinstance(result, Refused)
    assert {(finding.file, finding.rule) for finding in result.findings} <= {
        (file, rule) for rule in _DATA_RULES
    }


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
        _assert_harmless(both, attack, result.loaded)
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
        _assert_harmless(both, attack, result.loaded)
    else:
        assert result.findings[0].rule in {"dynamic_data", "rego_compile_error"}, result.findings


def test_the_same_policy_of_many_tenants_in_one_bundle_changes_no_tenants_decision(
    opa_binary: str, submission: Checker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    versions = {VICTIM: victim_of(opa_binary, "secret")}
    for tenant in TENANTS:
        for number, target in enumerate(OWN_TARGETS):
            attack = Attack((tenant, f"p-{number}", 1), _using(target).source)
            result = _check(submission, attack)
            assert isinstance(result, Accepted), result
            versions[attack.key] = result.loaded
    asked = [Asked(VICTIM, document) for document in VICTIM_INPUTS]
    asked += [Asked(key, document) for key in versions if key != VICTIM for document in ATTACKER_INPUTS]
    outcomes = loaded_decisions(opa_binary, tmp_path_factory.mktemp("bundle"), versions, asked)
    assert outcomes[: len(VICTIM_INPUTS)] == VICTIM_ALONE
    assert {json.dumps(found) for found in outcomes[len(VICTIM_INPUTS) :]} == {
        json.dumps(("", {"allow": True, "violations": []}))
    }


def test_a_leak_and_a_changed_result_would_be_seen(both: list[Stage]) -> None:
    reader = 'package tenants.acme["p-0"].v1\n\ndecision := data.tenants.victim["p-0"].v1.secret\n'
    merger = 'package tenants.victim["p-0"].v1\n\nnames contains "b"\n'
    for stage in both:
        assert stage.leaked(stage.beside(("acme", "p-0", 1), Loaded(reader)))
        assert stage.beside(("acme", "p-0", 1), Loaded(merger)).victim != stage.alone
