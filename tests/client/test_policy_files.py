"""Policies in folders, archives and bundles: what is taken, which module decides, what is refused."""

import io
import json
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from client.cli.output import Exit
from client.cli.policy_files import MAX_MEMBERS, collect
from client.errors import InvalidCommand
from rego.source import MAX_SOURCE_BYTES
from schemas.codec import decode
from schemas.models import CreatePolicy, UpdatePolicy
from tests.client.shell import Shell
from tests.policies.sets import FILES, GATE

TEST = "package acme.gate_test\n\nimport data.acme.gate\n\ntest_no if not gate.allow with input as {}\n"

FOLDER: Mapping[str, str] = {"policies/gate.rego": GATE, **dict(FILES), "policies/gate_test.rego": TEST}

Writer = Callable[[Path, Mapping[str, str]], str]


def folder(place: Path, files: Mapping[str, str]) -> str:
    for path, text in files.items():
        file = place / "set" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return str(place / "set")


def zipped(place: Path, files: Mapping[str, str]) -> str:
    with zipfile.ZipFile(place / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return str(place / "set.zip")


def bundled(place: Path, files: Mapping[str, str]) -> str:
    with tarfile.open(place / "set.tar.gz", "w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return str(place / "set.tar.gz")


@pytest.mark.parametrize("write", [folder, zipped])
def test_a_folder_or_zip_is_taken_whole_and_what_is_no_policy_left_out(tmp_path: Path, write: Writer) -> None:
    more = {"README.md": "text", ".hidden/x.rego": "package x\n", "notes.txt": "text"}
    found = collect(write(tmp_path, {**FOLDER, **more}))
    assert (found.entry, found.source.entry) == ("policies/gate.rego", GATE)
    assert dict(found.source.files) == {path: text for path, text in FOLDER.items() if text != GATE}
    assert found.path("policy.rego") == "policies/gate.rego"


def test_a_bundle_keeps_its_manifests_rules(tmp_path: Path) -> None:
    files = {
        ".manifest": json.dumps({"roots": ["acme", "lib"], "rego_version": 0}),
        "acme/gate/policy.rego": GATE,
        "lib/roles.rego": "package lib.roles\n",
        "acme/gate/data.json": "{}",
        "acme/other.json": "{}",
    }
    found = collect(bundled(tmp_path, files))
    assert (found.entry, found.source.language) == ("acme/gate/policy.rego", "v0")
    assert [path for path, _ in found.source.files] == ["acme/gate/data.json", "lib/roles.rego"]
    with pytest.raises(InvalidCommand, match="outside the roots"):
        collect(bundled(tmp_path, {**files, "x.rego": "package x\n"}))


def test_the_module_that_decides_is_found_or_asked_for(tmp_path: Path) -> None:
    other = {"other.rego": "package other\n\ndefault allow := false\n"}
    place = folder(tmp_path, {**FOLDER, **other})
    with pytest.raises(InvalidCommand, match=r"several modules could decide .*other.rego.*--entry"):
        collect(place)
    assert collect(place, "other.rego").entry == "other.rego"
    with pytest.raises(InvalidCommand, match=r"no module x\.rego"):
        collect(place, "x.rego")
    with pytest.raises(InvalidCommand, match="no module defines allow or decision"):
        collect(zipped(tmp_path, {"a.rego": "package a\n", "lib.rego": "package lib.x\n\nallow := 1\n"}))
    with pytest.raises(InvalidCommand, match=r"rename policy.rego"):
        collect(zipped(tmp_path, {"a.rego": "package a\n\nallow := true\n", "policy.rego": "package b\n"}))


@pytest.mark.parametrize(
    "name", ["../x.rego", "/etc/x.rego", "a/../../x.rego", "a\\..\\x.rego", "C:/x.rego", "a//x"]
)
def test_a_path_out_of_an_archive_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidCommand, match="no plain relative path"):
        collect(zipped(tmp_path, {**FOLDER, name: "package x\n"}))
    if not name.startswith("/"):
        with pytest.raises(InvalidCommand, match="no plain relative path"):
            collect(bundled(tmp_path, {**FOLDER, name: "package x\n"}))


def test_links_are_refused(tmp_path: Path) -> None:
    place = folder(tmp_path, FOLDER)
    (Path(place) / "link.json").symlink_to("/etc/hostname")
    with pytest.raises(InvalidCommand, match="symbolic link"):
        collect(place)
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        member = zipfile.ZipInfo("link.json")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/hostname")
    with pytest.raises(InvalidCommand, match="symbolic link"):
        collect(str(tmp_path / "link.zip"))
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        with tarfile.open(tmp_path / "link.tar.gz", "w:gz") as bundle:
            link = tarfile.TarInfo("link.json")
            link.type, link.linkname = kind, "/etc/hostname"
            bundle.addfile(link)
        with pytest.raises(InvalidCommand, match="no plain file"):
            collect(str(tmp_path / "link.tar.gz"))


@pytest.mark.parametrize("write", [folder, zipped, bundled])
def test_a_huge_member_is_refused_unread(tmp_path: Path, write: Writer) -> None:
    huge = {"data.json": '{"a": "%s"}' % ("x" * MAX_SOURCE_BYTES)}
    with pytest.raises(InvalidCommand, match=f"more than {MAX_SOURCE_BYTES} bytes"):
        collect(write(tmp_path, {**FOLDER, **huge}))


@pytest.mark.parametrize("write", [zipped, bundled])
def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path: Path, write: Writer) -> None:
    bomb = {f"{number}.bin": "0" * 4_000_000 for number in range(10)}
    bomb |= {f"{number:03}.bin": "0" * 250_000 for number in range(140)}
    with pytest.raises(InvalidCommand, match="unpacks to more"):
        collect(write(tmp_path, {**FOLDER, **bomb}))


@pytest.mark.parametrize("write", [folder, zipped, bundled])
def test_too_many_members_are_refused(tmp_path: Path, write: Writer) -> None:
    many = {f"{number}.txt": "" for number in range(MAX_MEMBERS + 1)}
    with pytest.raises(InvalidCommand, match="more than 1000"):
        collect(write(tmp_path, many))


@pytest.mark.parametrize("name", ["broken.zip", "broken.tar.gz", "absent.rego", "absent"])
def test_what_is_no_archive_or_not_there_is_a_clear_error(tmp_path: Path, name: str) -> None:
    if name.startswith("broken"):
        (tmp_path / name).write_bytes(b"PK no archive")
    with pytest.raises(InvalidCommand, match=name):
        collect(str(tmp_path / name))


def test_a_folder_is_validated_as_it_would_be_submitted(shell: Shell, opa_binary: str) -> None:
    place = folder(shell.folder, FOLDER)
    done = shell.run("policy", "validate", place, "--opa", opa_binary, "--minimum-coverage", "50")
    assert done.exit_code == Exit.FAILED
    assert f"{place}/lib/roles.rego:3:1: coverage_too_low: never ran: 3" in done.stdout
    done = shell.run("policy", "validate", place, "--opa", opa_binary, "--minimum-coverage", "5")
    assert done.exit_code == Exit.OK, done.stdout
    assert f"{place}: would be accepted, package acme.gate; 1 tests passed" in done.stdout
    folder(shell.folder, {"policies/gate_test.rego": TEST.replace("not ", "")})
    done = shell.run("policy", "validate", place, "--opa", opa_binary)
    assert done.exit_code == Exit.FAILED
    assert f"{place}/policies/gate_test.rego:5:1: test_failed: acme.gate_test.test_no failed" in done.stdout


def test_tests_of_an_archive_run_where_they_would_in_its_folder(shell: Shell, opa_binary: str) -> None:
    done = shell.run("policy", "test", zipped(shell.folder, FOLDER), "--opa", opa_binary)
    assert done.exit_code == Exit.OK, done.stdout
    assert "1 of 1 tests passed" in done.stdout


def test_a_folder_is_submitted_and_an_update_with_one_module_takes_its_place(shell: Shell) -> None:
    place = folder(shell.folder, FOLDER)
    shell.run("policy", "create", place, "--name", "gate")
    shell.run("policy", "update", "gate", shell.file("one.rego", GATE))
    shell.run("policy", "update", "gate", "--description", "d")
    shell.run("policy", "update", "gate", place)
    create, one, kept, whole = shell.sent
    made = CreatePolicy.model_validate(dict(decode(CreatePolicy.TYPE, create.value)))
    assert (made.rego_content, made.policy_type, len(made.files)) == (GATE, "opa_rego", len(FOLDER) - 1)
    updates = [
        UpdatePolicy.model_validate(dict(decode(UpdatePolicy.TYPE, each.value)))
        for each in (one, kept, whole)
    ]
    assert [update.files for update in updates] == [[], None, made.files]
    paths = [update.entry_path for update in updates]
    assert (made.entry_path, paths) == ("policies/gate.rego", [None, None, "policies/gate.rego"])


def test_version_0_of_the_language_is_submitted_as_such(shell: Shell) -> None:
    file = shell.file("old.rego", "package a\n\nallow { input.x }\n")
    shell.run("policy", "create", file, "--name", "old", "--policy-type", "rego_v0")
    (create,) = shell.sent
    assert dict(decode(CreatePolicy.TYPE, create.value))["policy_type"] == "rego_v0"
