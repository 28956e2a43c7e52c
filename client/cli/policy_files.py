"""A policy's files from where its author keeps them: one module, a folder, a zip, or an OPA bundle.

What is no module and no data is left out. A bundle (a ``.tar.gz``, or anything with a ``.manifest``) keeps
OPA's rules: data stands in ``data.json`` and ``data.yaml`` alone, everything below the manifest's roots.
"""

import gzip
import io
import re
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import orjson

from client.cli.documents import STDIN
from client.errors import InvalidCommand
from rego.findings import FILE
from rego.source import (
    MAX_SOURCE_BYTES,
    SCHEMA,
    Language,
    PolicySource,
    is_data,
    is_module,
    is_test,
)

MAX_MEMBERS: Final = 1_000
"""Most members of an archive, whatever they are."""

MAX_UNPACKED_BYTES: Final = 33_554_432
"""Most that an archive may unpack to."""

MANIFEST: Final = ".manifest"

_BUNDLE_DATA: Final = frozenset({"data.json", "data.yaml", "data.yml"})

_PACKAGE: Final = re.compile(r"^\s*package\s+([\w.]+)", re.MULTILINE)

_DECIDES: Final = re.compile(r"^(?:default\s+)?(?:allow|decision)\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Collected:
    """A policy's files; ``entry`` is the path of the module that decides."""

    entry: str
    source: PolicySource

    def path(self, file: str) -> str:
        """The author's path of a file that a finding names."""
        return self.entry if file == FILE else file


def collect(place: str, entry: str | None = None, language: Language | None = None) -> Collected:
    """The policy at a place: ``-`` (standard input), a module, folder, ``.zip``, ``.tar.gz`` or ``.tgz``.

    ``entry`` names the module that decides, where more than one could; without ``language`` a bundle's
    manifest says it. Raises :class:`InvalidCommand`.
    """
    path = Path(place)
    try:
        if place == STDIN:
            return Collected(STDIN, PolicySource(sys.stdin.read(), language=language or "v1"))
        if path.is_dir():
            return _collected(place, dict(_folder(path)), entry, language)
        if path.suffix == ".zip":
            return _collected(place, dict(_zip(path)), entry, language)
        if path.name.endswith((".tar.gz", ".tgz")):
            return _collected(place, {MANIFEST: b"{}", **dict(_tar(path))}, entry, language)
        return Collected(place, PolicySource(path.read_text(encoding="utf-8"), language=language or "v1"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidCommand(f"{place}: {error}") from error


def _collected(
    place: str, files: Mapping[str, bytes], entry: str | None, language: Language | None
) -> Collected:
    texts = {path: _text(place, path, data) for path, data in files.items() if _belongs(path, files)}
    manifest = _manifest(place, files)
    modules = {path: text for path, text in texts.items() if is_module(path)}
    _within_roots(place, modules, manifest)
    chosen = entry or _entry(place, modules)
    if chosen not in modules:
        raise InvalidCommand(f"{place}: no module {chosen}")
    if FILE in texts and chosen != FILE:
        raise InvalidCommand(f"{place}: rename {FILE}: the module that decides is stored under this name")
    others = tuple((path, text) for path, text in sorted(texts.items()) if path != chosen)
    said: Language = "v0" if manifest.get("rego_version") == 0 else "v1"
    return Collected(chosen, PolicySource(texts[chosen], others, language or said))


def _entry(place: str, modules: Mapping[str, str]) -> str:
    """The module that decides, where only one can: it defines ``allow`` or ``decision``."""
    found: dict[str, list[str]] = {}
    for path, text in sorted(modules.items()):
        package = _PACKAGE.search(text)
        name = package[1] if package else ""
        if _DECIDES.search(text) and name.split(".")[0] != "lib":
            found.setdefault(name, []).append(path)
    if not found:
        raise InvalidCommand(
            f"{place}: no module defines allow or decision; name the one that does by --entry"
        )
    if len(found) > 1:
        paths = ", ".join(path for paths in found.values() for path in paths)
        raise InvalidCommand(f"{place}: several modules could decide ({paths}); choose one by --entry")
    (paths_of_one,) = found.values()
    return paths_of_one[0]


def _belongs(path: str, files: Mapping[str, bytes]) -> bool:
    if any(part.startswith(".") for part in path.split("/")):
        return False
    if is_data(path) and MANIFEST in files:
        return PurePosixPath(path).name in _BUNDLE_DATA
    return is_module(path) or is_test(path) or is_data(path) or path == SCHEMA


def _manifest(place: str, files: Mapping[str, bytes]) -> Mapping[str, object]:
    try:
        found = orjson.loads(files.get(MANIFEST, b"{}"))
    except orjson.JSONDecodeError as error:
        raise InvalidCommand(f"{place}: {MANIFEST}: {error}") from None
    if not isinstance(found, dict):
        raise InvalidCommand(f"{place}: {MANIFEST} is no object")
    return found


def _within_roots(place: str, modules: Mapping[str, str], manifest: Mapping[str, object]) -> None:
    roots = manifest.get("roots")
    if not isinstance(roots, list):
        return
    tops = [str(root).strip("/").split("/") if str(root).strip("/") else [] for root in roots]
    for path, text in modules.items():
        package = _PACKAGE.search(text)
        names = package[1].split(".") if package else []
        if not any(names[: len(top)] == top for top in tops):
            raise InvalidCommand(f"{place}: {path}: its package is outside the roots of {MANIFEST}")


def _text(place: str, path: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidCommand(f"{place}: {path}: {error}") from None


def _folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for number, file in enumerate(sorted(folder.rglob("*"))):
        path = file.relative_to(folder).as_posix()
        if number >= MAX_MEMBERS:
            raise InvalidCommand(f"{folder}: more than {MAX_MEMBERS} files")
        if file.is_symlink():
            raise InvalidCommand(f"{folder}: {path} is a symbolic link")
        if file.is_file() and (path == MANIFEST or path.endswith((".rego", ".json", ".yaml", ".yml"))):
            if file.stat().st_size > MAX_SOURCE_BYTES:
                raise InvalidCommand(f"{folder}: {path} has more than {MAX_SOURCE_BYTES} bytes")
            yield path, file.read_bytes()


def _zip(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise InvalidCommand(f"{file}: more than {MAX_MEMBERS} members")
            unpacked = 0
            for member in members:
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise InvalidCommand(f"{file}: {member.filename} is a symbolic link")
                if member.is_dir():
                    continue
                path = _plain(file, member.filename)
                with archive.open(member) as opened:
                    # What the archive says of its sizes may be a lie.
                    data = opened.read(MAX_SOURCE_BYTES + 1)
                unpacked += len(data)
                yield path, _bounded(file, path, data, unpacked)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise InvalidCommand(f"{file}: {error}") from error


def _tar(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with gzip.open(file) as packed:
            data = packed.read(MAX_UNPACKED_BYTES + 1)
        if len(data) > MAX_UNPACKED_BYTES:
            raise InvalidCommand(f"{file}: unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for number, member in enumerate(archive):
                if number >= MAX_MEMBERS:
                    raise InvalidCommand(f"{file}: more than {MAX_MEMBERS} members")
                if member.isdir():
                    continue
                opened = archive.extractfile(member) if member.isreg() else None
                if opened is None:
                    raise InvalidCommand(f"{file}: {member.name} is no plain file")
                # OPA's own bundles name their members from the root.
                path = _plain(file, member.name.removeprefix("/"))
                yield path, _bounded(file, path, opened.read(MAX_SOURCE_BYTES + 1), 0)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InvalidCommand(f"{file}: {error}") from error


def _plain(file: Path, name: str) -> str:
    path = name.removeprefix("./")
    parts = path.split("/")
    if "\\" in path or ":" in parts[0] or any(part in ("", ".", "..") for part in parts):
        raise InvalidCommand(f"{file}: {name!r} is no plain relative path")
    return path


def _bounded(file: Path, path: str, data: bytes, unpacked: int) -> bytes:
    wanted = path.endswith((".rego", ".json", ".yaml", ".yml"))
    if wanted and len(data) > MAX_SOURCE_BYTES:
        raise InvalidCommand(f"{file}: {path} has more than {MAX_SOURCE_BYTES} bytes")
    if unpacked > MAX_UNPACKED_BYTES:
        raise InvalidCommand(f"{file}: unpacks to more than {MAX_UNPACKED_BYTES} bytes")
    return data
