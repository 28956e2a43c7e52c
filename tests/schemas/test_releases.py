"""Released schema files stay as they are, and every next version keeps its topic's promise."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastavro.schema import fingerprint

from schemas.avro import FOLDER, parse, released
from schemas.releases import problems, read_register, release
from schemas.topics import topics

RETIRE = "commands/governance.policy.retire.v1.avsc"
RETIRED = "events/governance.policy.retired.v1.avsc"
Edit = Callable[[list[dict[str, Any]]], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the released schemas."""
    for kind in ("commands", "events"):
        shutil.copytree(FOLDER / kind, tmp_path / kind)
    shutil.copy(FOLDER / "released.json", tmp_path)
    return tmp_path


def found(folder: Path) -> list[str]:
    return [str(problem) for problem in problems(topics(), folder)]


def next_version(folder: Path, file: str, edit: Edit) -> str:
    """Releases an edited copy as the next version."""
    schema = json.loads((folder / file).read_text())
    edit(schema["fields"])
    name = file.replace(".v1.", ".v2.")
    (folder / name).write_text(json.dumps(schema))
    release(folder)
    return name


def add(name: str, kind: object, **more: object) -> Edit:
    return lambda fields: fields.append({"name": name, "type": kind, **more})


def drop(name: str) -> Edit:
    return lambda fields: fields.remove(next(f for f in fields if f["name"] == name))


def alter(field: str, **changes: object) -> Edit:
    return lambda fields: next(f for f in fields if f["name"] == field).update(changes)


def test_no_released_file_was_edited_and_every_rule_holds() -> None:
    assert problems(topics()) == []


def test_every_file_is_released() -> None:
    files = {f"{kind}/{file.name}" for kind in ("commands", "events") for file in (FOLDER / kind).iterdir()}
    assert set(read_register()) == files


def test_an_edited_file_is_found(folder: Path) -> None:
    (folder / RETIRE).write_text((folder / RETIRE).read_text().replace("For people.", "For all."))
    assert found(folder) == [f"{RETIRE}: is released and was edited; put it back and add the next version"]


def test_a_removed_file_is_found(folder: Path) -> None:
    (folder / RETIRE).unlink()
    assert f"{RETIRE}: is released and was removed; put it back" in found(folder)
    assert "topics.yaml: governance.policy.retire has no schema" in found(folder)


def test_a_file_that_is_not_released_is_found_and_released(folder: Path) -> None:
    before = read_register(folder)
    register = {name: digest for name, digest in before.items() if name != RETIRE}
    (folder / "released.json").write_text(json.dumps(register))
    assert [RETIRE in problem for problem in found(folder)] == [True]
    assert release(folder) == [RETIRE]
    assert read_register(folder) == before


def test_releasing_leaves_an_edited_file_refused(folder: Path) -> None:
    (folder / RETIRE).write_text((folder / RETIRE).read_text() + "\n")
    assert release(folder) == []
    assert "was edited" in found(folder)[0]


@pytest.mark.parametrize(
    "edit",
    [add("note", "string", default=""), drop("reason"), alter("reason", type=["null", "string"])],
    ids=["an optional field more", "a field less", "a wider field"],
)
def test_a_command_may_change_as_new_readers_read_old_commands(folder: Path, edit: Edit) -> None:
    next_version(folder, RETIRE, edit)
    assert found(folder) == []


@pytest.mark.parametrize(
    "edit",
    [
        add("note", "string"),
        alter("policy", type="int"),
        alter("policy", name="policy_name"),
        alter("reason", type={"type": "array", "items": "string"}, default=[]),
    ],
    ids=["a required field more", "another type", "a field renamed", "text to a list"],
)
def test_a_breaking_change_of_a_command_is_refused(folder: Path, edit: Edit) -> None:
    name = next_version(folder, RETIRE, edit)
    assert found(folder)[0].startswith(f"{name}: breaks BACKWARD_TRANSITIVE")


def test_an_event_may_get_an_optional_field(folder: Path) -> None:
    next_version(folder, RETIRED, add("note", "string", default=""))
    assert found(folder) == []


@pytest.mark.parametrize(
    "edit",
    [
        add("note", "string"),
        drop("reason"),
        alter("version", type=["null", "long"]),
        alter("version", type=["null", "int", "string"]),
        alter("version", type="int"),
        alter("reason", name="why"),
        alter("reason", type={"type": "string", "logicalType": "uuid"}),
    ],
    ids=[
        "a required field more",
        "a field less",
        "a promoted type",
        "a wider union",
        "a narrower union",
        "a field renamed",
        "another meaning",
    ],
)
def test_a_breaking_change_of_an_event_is_refused(folder: Path, edit: Edit) -> None:
    name = next_version(folder, RETIRED, edit)
    assert found(folder)[0].startswith(f"{name}: breaks FULL_TRANSITIVE")


def test_the_third_version_is_held_to_the_first(folder: Path) -> None:
    second = next_version(folder, RETIRED, add("note", "string", default=""))
    schema = json.loads((folder / second).read_text())
    schema["fields"][-1] = {"name": "other", "type": "string"}
    third = second.replace(".v2.", ".v3.")
    (folder / third).write_text(json.dumps(schema))
    release(folder)
    assert any(problem.startswith(f"{third}: breaks") for problem in found(folder))


def test_a_skipped_version_number_is_found(folder: Path) -> None:
    name = next_version(folder, RETIRE, add("note", "string", default=""))
    (folder / name).rename(folder / name.replace(".v2.", ".v3."))
    (folder / "released.json").write_text((FOLDER / "released.json").read_text())
    release(folder)
    assert any("versions are [1, 3]" in problem for problem in found(folder))


def test_a_version_that_differs_in_words_alone_is_found(folder: Path) -> None:
    name = next_version(folder, RETIRE, alter("reason", doc="For everyone."))
    assert found(folder) == [f"{name}: has the fingerprint of {RETIRE}: nothing a reader sees differs"]


def test_a_type_on_no_topic_is_found(folder: Path) -> None:
    schema = json.loads((folder / RETIRE).read_text()) | {
        "eventType": "governance.policy.vanish",
        "name": "V",
    }
    name = "commands/governance.policy.vanish.v1.avsc"
    (folder / name).write_text(json.dumps(schema))
    release(folder)
    assert found(folder) == [f"{name}: is on no topic of topics.yaml"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("governance.policy.retire.avsc", "{}"),
        ("governance.policy.retire.v1.avsc", '{"eventType": "other"}'),
        ("governance.policy.retire.v1.avsc", "not json"),
    ],
)
def test_a_file_whose_name_and_content_disagree_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError):
        parse("commands", name, text)


def test_a_default_of_another_type_is_found(folder: Path) -> None:
    name = next_version(folder, RETIRE, add("count", "int", default="many"))
    assert found(folder)[0].startswith(f"{name}: is no Avro schema: Default value")


def test_every_fingerprint_names_one_schema() -> None:
    every = [version for versions in released().versions.values() for version in versions]
    assert len(released().by_fingerprint) == len(every)


def test_the_fingerprint_is_crc_64_avro() -> None:
    # The Avro project's own test data (share/test/data/schema-tests.txt).
    assert bytes.fromhex(fingerprint('"null"', "CRC-64-AVRO")) == (7195948357588979594).to_bytes(8, "little")
