"""The packs of this project: complete, linked to what exists, accepted by the submission check, tested."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping

import pytest

from rego.packs import FOLDER, Pack, PackPolicy, Rule
from rego.submission import Accepted, Checker
from regulations.loader import Library, load_library
from regulations.model import Regulation

NAMES = {
    "agent_action",
    "data_pipeline",
    "dora",
    "eu_ai_act",
    "fedramp",
    "hipaa",
    "iso27001",
    "iso42001",
    "model_promotion",
    "nist_ai_rmf",
    "soc2",
    "sox",
}

AI_RMF = {
    "GOVERN": (7, 3, 2, 3, 2, 2),
    "MAP": (6, 3, 5, 2, 2),
    "MEASURE": (3, 13, 3, 3),
    "MANAGE": (4, 4, 2, 3),
}
"""Subcategories of each category, by function: 72 in NIST AI 100-1."""

DORA_ARTICLES = 64

PASSED = """
[sprintf("%s/%s/%s", [pack, policy, name]) |
    some pack, policies in data.aumos.packs_test
    some policy, tests in policies
    some name, passed in tests
    startswith(name, "test_")
    passed == true
]
"""
"""Every test of every pack that holds."""


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library()


def policies(packs: Mapping[str, Pack]) -> Iterator[tuple[Pack, PackPolicy]]:
    for pack in packs.values():
        for policy in pack.policies:
            yield pack, policy


def rules(packs: Mapping[str, Pack]) -> Iterator[tuple[str, Rule]]:
    for pack, policy in policies(packs):
        for rule in policy.rules:
            yield f"{pack.name}/{policy.file}/{rule.id}", rule


def own_tests(pack: Pack, policy: PackPolicy) -> str:
    return (FOLDER / pack.name / policy.file.replace(".rego", "_test.rego")).read_text()


def served_by(regulation: Regulation, control_id: str) -> set[str]:
    """The technical controls that are mapped to a control or to one above it."""
    parents = {control.id: control.parent for control in regulation.controls}
    found: set[str] = set()
    at: str | None = control_id
    while at is not None:
        found |= {mapping.technical_control for mapping in regulation.mappings_of(at)}
        at = parents[at]
    return found


def test_there_is_a_pack_for_each_regulation_framework_and_kind_of_gate(packs: Mapping[str, Pack]) -> None:
    assert packs.keys() == NAMES


def test_every_pack_that_bears_the_name_of_a_regulation_serves_that_one_alone(
    packs: Mapping[str, Pack], library: Library
) -> None:
    for code in library.regulations:
        assert packs[code].regulations == (code,)


def test_every_control_that_a_rule_serves_exists(packs: Mapping[str, Pack], library: Library) -> None:
    ids = {code: {control.id for control in each.controls} for code, each in library.regulations.items()}
    unknown = [
        (place, link)
        for place, rule in rules(packs)
        for link in rule.controls
        if link.split("/", 1)[1] not in ids[link.split("/", 1)[0]]
    ]
    assert unknown == []


def test_every_technical_control_of_a_rule_exists_and_is_mapped_to_a_control_of_the_rule(
    packs: Mapping[str, Pack], library: Library
) -> None:
    for place, rule in rules(packs):
        assert set(rule.technical_controls) <= library.hub.keys(), place
        mapped: set[str] = set()
        for link in rule.controls:
            code, control = link.split("/", 1)
            mapped |= served_by(library.regulations[code], control)
        assert not rule.controls or set(rule.technical_controls) <= mapped, place


def test_every_subcategory_of_the_ai_rmf_is_one_of_its_72(packs: Mapping[str, Pack]) -> None:
    known = {
        f"{function} {category}.{number}"
        for function, categories in AI_RMF.items()
        for category, count in enumerate(categories, 1)
        for number in range(1, count + 1)
    }
    assert len(known) == 72
    assert packs["nist_ai_rmf"].references.keys() <= known


def test_every_article_of_dora_is_inside_the_regulation(packs: Mapping[str, Pack]) -> None:
    for reference in packs["dora"].references:
        article = re.fullmatch(r"DORA Art\. (\d+)(\(\d+\))?(\([a-z]\))?", reference)
        assert article, reference
        assert 1 <= int(article[1]) <= DORA_ARTICLES


def test_every_reference_to_sox_names_its_law(packs: Mapping[str, Pack]) -> None:
    laws = r"(SOX \d{3}|Exchange Act 13|17 CFR \d{3}\.[\w-]+)(\([a-z0-9]+\))*(\([A-Z]\))?"
    for reference in packs["sox"].references:
        assert re.fullmatch(laws, reference), reference


def test_every_rule_is_named_by_a_flaw_of_its_policys_test(packs: Mapping[str, Pack]) -> None:
    for pack, policy in policies(packs):
        test = own_tests(pack, policy)
        tested = set(re.findall(r'^\t"([a-z0-9_]+)": \[', test.partition("\nflaws := {")[2], re.MULTILINE))
        assert {rule.id for rule in policy.rules} == tested, policy.file


async def test_every_module_passes_the_submission_check_without_a_warning(
    packs: Mapping[str, Pack], opa_binary: str
) -> None:
    checker = Checker(opa_binary)
    for pack, policy in policies(packs):
        found = await checker.check("acme", policy.name, 1, policy.source)
        assert isinstance(found, Accepted), (policy.file, found)
        assert found.warnings == ()
        assert found.package == f"aumos.packs.{pack.name}.{policy.file.removesuffix('.rego')}"


def test_every_policys_own_tests_pass_and_cover_every_line(
    packs: Mapping[str, Pack], opa_binary: str
) -> None:
    arguments = ["test", str(FOLDER), "--ignore", "*.yaml", "--coverage", "--format", "json"]
    done = subprocess.run([opa_binary, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    missing = {
        file: found["not_covered"] for file, found in report["files"].items() if "not_covered" in found
    }
    assert missing == {}
    assert report["coverage"] == 100
    covered = set(report["files"])
    for pack, policy in policies(packs):
        assert str(FOLDER / pack.name / policy.file) in covered


def test_no_input_of_a_test_makes_a_builtin_fail_as_the_engine_asks_with_strict_errors(
    packs: Mapping[str, Pack], opa_binary: str
) -> None:
    arguments = ["eval", "--strict-builtin-errors", "--data", str(FOLDER), "--ignore", "*.yaml", PASSED]
    done = subprocess.run([opa_binary, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
    written = [
        f"{pack.name}/{policy.file.removesuffix('.rego')}/{name}"
        for pack, policy in policies(packs)
        for name in re.findall(r"^(test_\w+) if", own_tests(pack, policy), re.MULTILINE)
    ]
    assert sorted(passed) == sorted(written)


def test_every_module_is_written_as_opa_formats_it(opa_binary: str) -> None:
    arguments = [opa_binary, "fmt", "--list", str(FOLDER)]
    assert subprocess.run(arguments, capture_output=True, text=True, check=True).stdout == ""
