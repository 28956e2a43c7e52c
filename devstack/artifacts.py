"""What is downloaded or built once per user and version: Kafka's jars and the OPA binary.

Kafka comes from Maven by the pinned `kafka/pom.xml`; each jar must have the SHA-256 of `kafka/jars.txt`, and
no other jar may be there. OPA is built from its Go module, which Go checks against its checksum database.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from functools import partial
from pathlib import Path

from devstack.errors import ArtifactRejected, PrerequisiteMissing
from devstack.files import built_once
from devstack.layout import cache_dir
from devstack.settings import BUILD_SECONDS, KAFKA_VERSION, OPA_VERSION
from devstack.steps import Steps
from devstack.toolchain import INSTALL_MAVEN, INSTALL_TOOLCHAIN, find_go, find_java, find_maven

KAFKA_SOURCE = Path(__file__).resolve().parent / "kafka"
OPA_MODULE = f"github.com/open-policy-agent/opa@v{OPA_VERSION}"


def kafka_folder() -> Path:
    """Where Kafka's jars are, or will be."""
    return cache_dir() / f"kafka-{KAFKA_VERSION}"


def opa_binary() -> Path:
    """Where the OPA binary is, or will be."""
    return cache_dir() / f"opa-{OPA_VERSION}" / "opa"


def kafka_jars(steps: Steps) -> Path:
    """The folder of Kafka's jars, fetched when absent."""
    return built_once(kafka_folder(), partial(_fetch_kafka, steps=steps))


def opa(steps: Steps) -> Path:
    """The OPA binary, built when absent (about a minute on two cores)."""
    built_once(opa_binary().parent, partial(_build_opa, steps=steps))
    return opa_binary()


def pinned_jars() -> dict[str, str]:
    """SHA-256 by jar name, as committed in `kafka/jars.txt` (the format of `sha256sum`)."""
    lines = (KAFKA_SOURCE / "jars.txt").read_text(encoding="utf-8").splitlines()
    return {name.strip(): digest for digest, _, name in (line.partition("  ") for line in lines if line)}


def check_jars(folder: Path) -> None:
    """Raise `ArtifactRejected` unless the folder holds exactly the pinned jars."""
    pinned = pinned_jars()
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.glob("*.jar")}
    if different := sorted(
        name for name in pinned.keys() | found.keys() if pinned.get(name) != found.get(name)
    ):
        raise ArtifactRejected(
            f"Kafka {KAFKA_VERSION}: {len(different)} jar(s) differ from devstack/kafka/jars.txt: "
            f"{', '.join(different[:5])}. Look at the Maven repository they came from (~/.m2, mirrors)."
        )


def _fetch_kafka(folder: Path, steps: Steps) -> None:
    maven = find_maven()
    if maven is None:
        raise PrerequisiteMissing("Maven (mvn), which fetches Apache Kafka,", INSTALL_MAVEN)
    command = [str(maven), "--batch-mode", "--no-transfer-progress", "--file", str(KAFKA_SOURCE / "pom.xml")]
    command += ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    environment = dict(os.environ)
    if (java := find_java()) is not None:
        environment["JAVA_HOME"] = str(java.resolve().parent.parent)
    steps.note(f"fetching Kafka {KAFKA_VERSION} (once, 54 MB)")
    steps.run("Kafka download", command, environment, folder, BUILD_SECONDS)
    check_jars(folder)


def _build_opa(folder: Path, steps: Steps) -> None:
    go = find_go()
    if go is None:
        raise PrerequisiteMissing("Go, which builds OPA,", INSTALL_TOOLCHAIN)
    environment = dict(os.environ) | {"GOBIN": str(folder), "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    steps.note(f"building OPA {OPA_VERSION} (once, a minute or two)")
    steps.run("OPA build", [str(go), "install", "-trimpath", OPA_MODULE], environment, folder, BUILD_SECONDS)
    answer = subprocess.run(
        [folder / "opa", "version"], capture_output=True, text=True, check=True, timeout=60
    )
    if f"Version: {OPA_VERSION}" not in answer.stdout:
        raise ArtifactRejected(
            f"the OPA that was built is not {OPA_VERSION}: {answer.stdout.splitlines()[:1]}"
        )
