"""What the loader refuses, by file and line."""

from pathlib import Path

import pytest

from rego.packs import PacksInvalid, load_packs, parse

PACK = """\
name: gate
title: Gate
description: One gate.
regulations: [soc2]
references: {X 1: First}
policies:
  - file: change.rego
    name: gate-change
    description: Changes are approved.
    decision_point: change.deploy
    regulation_refs: [soc2]
    rules:
      - {id: unapproved, controls: [soc2/CC8.1], technical_controls: [TC-007], references: [X 1]}
sources:
  - {title: Criteria, url: "https://example.org/criteria"}
"""

MODULE = """\
package gate.change

default allow := false

allow if count(violations) == 0

violations contains "unapproved: Nobody approved it" if not input.approved == true
"""

FILES = {"pack.yaml": PACK, "change.rego": MODULE, "change_test.rego": "package gate.change_test\n"}


def encoded(files: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in files.items()}


def test_a_sound_folder_is_a_pack() -> None:
    pack, problems = parse("gate", encoded(FILES))
    assert problems == ()
    assert pack is not None
    (policy,) = pack.policies
    assert (policy.source, policy.enforcement, policy.fail_mode) == (MODULE, "mandatory", "closed")
    assert policy.rules[0].controls == ("soc2/CC8.1",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: gate\n", "name: other\n", "gate/pack.yaml:1: code_differs: the folder is gate"),
        ("title: Gate\n", "", "gate/pack.yaml:1: field_invalid: title: Field required"),
        ("title: Gate\n", "title: [\n", "gate/pack.yaml:4: file_unreadable"),
        ("title: Gate\n", "title: Gate\ncolour: red\n", "gate/pack.yaml:3: field_invalid: colour"),
        ("regulations: [soc2]", "regulations: [pci]", "gate/pack.yaml:4: field_invalid: regulations.0"),
        ("regulations: [soc2]", "regulations: []", "gate/pack.yaml:4: field_invalid: soc2: regulations and"),
        ("regulation_refs: [soc2]", "regulation_refs: []", "soc2 is not among the policy's regulation_refs"),
        ("{X 1: First}", "{X 2: Second}", "X 1 is not among the pack's references"),
        ("{X 1: First}", "{X 1: First, X 2: Second}", "gate/pack.yaml:5: field_invalid: X 2: no rule"),
        ("soc2/CC8.1", "CC8.1", "gate/pack.yaml:13: field_invalid: policies.0.rules.0.controls.0"),
        ("TC-007", "TC-7", "gate/pack.yaml:13: field_invalid"),
        ("id: unapproved", "id: approved", "the rule approved is not in change.rego"),
        ("id: unapproved", "id: approved", "the rule unapproved is in change.rego alone"),
        ("controls: [soc2/CC8.1], ", "", "gate/pack.yaml:11: field_invalid: soc2: no rule of change.rego"),
        ("decision_point: change.deploy", "decision_point: deploy", "gate/pack.yaml:10: field_invalid"),
        ("name: gate-change", "name: Gate Change", "gate/pack.yaml:8: field_invalid"),
        ("file: change.rego", "file: ../change.rego", "gate/pack.yaml:7: field_invalid"),
        ("file: change.rego", "file: absent.rego", "gate/absent.rego:1: file_missing"),
        ("file: change.rego", "file: absent.rego", "gate/change.rego:1: file_unexpected"),
        ("https://example.org", "http://example.org", "gate/pack.yaml:15: field_invalid"),
    ],
)
def test_a_damaged_pack_file_is_reported(old: str, new: str, said: str) -> None:
    assert old in PACK
    pack, problems = parse("gate", encoded({**FILES, "pack.yaml": PACK.replace(old, new)}))
    assert pack is None
    assert said in "\n".join(map(str, problems))


def test_a_rule_that_serves_nothing_and_one_that_stands_twice_are_reported() -> None:
    idle = PACK.replace(
        "controls: [soc2/CC8.1], technical_controls: [TC-007], references: [X 1]", "controls: []"
    )
    twice = idle.replace("sources:", "      - {id: unapproved}\nsources:")
    _, problems = parse("gate", encoded({**FILES, "pack.yaml": twice}))
    said = "\n".join(map(str, problems))
    assert "gate/pack.yaml:13: field_invalid: unapproved: serves neither a control nor a reference" in said
    assert "id_duplicate: unapproved stands twice in change.rego" in said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("change.rego", None, "gate/change.rego:1: file_missing"),
        ("change_test.rego", None, "gate/change_test.rego:1: file_missing"),
        ("pack.yaml", None, "gate/pack.yaml:1: file_missing"),
        ("notes.txt", "notes", "gate/notes.txt:1: file_unexpected"),
        (
            "change.rego",
            f'{MODULE}\nviolations contains "Other text" if input.other\n',
            "gate/change.rego:1: field_invalid: a violation does not begin with the id of its rule",
        ),
    ],
)
def test_a_damaged_folder_is_reported(name: str, content: str | None, said: str) -> None:
    files = {other: text for other, text in FILES.items() if other != name}
    pack, problems = parse("gate", encoded(files if content is None else {**files, name: content}))
    assert pack is None
    assert said in "\n".join(map(str, problems))


def test_every_problem_of_every_pack_is_reported_at_once(tmp_path: Path) -> None:
    for folder, changes in {"gate": {}, "other": {}, "third": {"change.rego": ""}}.items():
        (tmp_path / folder).mkdir()
        for name, text in {**FILES, **changes}.items():
            (tmp_path / folder / name).write_text(text.replace("name: gate\n", f"name: {folder}\n"))
    with pytest.raises(PacksInvalid) as refused:
        load_packs(tmp_path)
    said = [str(problem) for problem in refused.value.problems]
    assert said == sorted(said)
    for part in ("gate/pack.yaml:1: id_duplicate: gate-change", "other/pack.yaml:1: id_duplicate", "third/"):
        assert any(part in each for each in said), part


def test_a_folder_without_packs_has_none(tmp_path: Path) -> None:
    assert load_packs(tmp_path) == {}
