"""A policy as its author wrote it: an entry module and further files.

Findings: ``bad_path`` (no plain relative path, or one that stands twice), ``unknown_file`` (neither module
nor data), ``too_large``, ``too_deep`` and ``bad_text``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from rego.findings import FILE, Finding
from rego.places import Source

MAX_SOURCE_BYTES: Final = 262_144
"""Bound of one file in UTF-8: twice the characters that a command may hold."""

MAX_POLICY_BYTES: Final = 393_216
"""Bound of a policy's files together: its event holds them as submitted and as loaded, within 1 MiB."""

MAX_FILES: Final = 100

MAX_NESTING: Final = 50
"""Deepest nesting of brackets; a tree grows with the square of it."""

SCHEMA: Final = "input.schema.json"
"""The file that holds the JSON schema of the policy's input."""

Language = Literal["v1", "v0"]

_TOKENS: Final = re.compile(rb'"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\n]*|[\[({]|[\])}]')
_PART: Final = re.compile(r"[^/\\\x00-\x1f\x7f]{1,200}")

_HINTS: Final = {
    "bad_path": "Use relative paths with forward slashes, each once, such as lib/roles.rego.",
    "unknown_file": "A policy has modules (.rego) and data (.json, .yaml, .yml); leave other files out.",
    "too_large": "Split the policy, or move large tables into the input.",
    "too_deep": "Give inner parts a name of their own.",
    "bad_text": "Write the file as UTF-8 text.",
}


@dataclass(frozen=True, slots=True)
class PolicySource:
    """``entry`` is the module that decides; findings call it ``policy.rego``."""

    entry: str
    files: tuple[tuple[str, str], ...] = ()
    """Path and text of the others, by their endings: modules ``.rego``, tests ``_test.rego``, data
    ``.json``, ``.yaml`` and ``.yml`` (below the path of its folder), and ``input.schema.json``."""
    language: Language = "v1"

    @property
    def modules(self) -> tuple[tuple[str, str], ...]:
        """What OPA loads, the entry module first."""
        return ((FILE, self.entry), *(file for file in self.files if is_module(file[0])))

    @property
    def tests(self) -> tuple[tuple[str, str], ...]:
        """Modules that only run at the submission."""
        return tuple(file for file in self.files if is_test(file[0]))

    @property
    def data(self) -> tuple[tuple[str, str], ...]:
        """Data files."""
        return tuple(file for file in self.files if is_data(file[0]))

    @property
    def schema(self) -> str | None:
        """The JSON schema of the input."""
        return dict(self.files).get(SCHEMA)

    @property
    def everything(self) -> tuple[tuple[str, str], ...]:
        """All files, the entry module first."""
        return ((FILE, self.entry), *self.files)


def is_test(path: str) -> bool:
    """Whether a file holds tests."""
    return path.endswith("_test.rego")


def is_module(path: str) -> bool:
    """Whether a file holds a module that OPA loads."""
    return path.endswith(".rego") and not is_test(path)


def is_data(path: str) -> bool:
    """Whether a file holds data."""
    return path.endswith((".json", ".yaml", ".yml")) and path != SCHEMA


def out_of_bounds(source: PolicySource) -> tuple[Finding, ...]:
    """What keeps a source from being read at all; the first kind of trouble that there is. Pure."""
    files = source.everything
    if len(source.files) > MAX_FILES:
        message = f"{len(source.files)} further files, at most {MAX_FILES} are allowed"
        return (_finding("too_large", FILE, message),)
    found = tuple(_paths(source))
    if found:
        return found
    texts: list[tuple[str, bytes]] = []
    for path, text in files:
        try:
            texts.append((path, text.encode()))
        except UnicodeEncodeError:
            return (_finding("bad_text", path, "the text holds a surrogate that is no character"),)
    found = tuple(finding for path, data in texts for finding in _text(path, data))
    total = sum(len(data) for _, data in texts)
    if not found and total > MAX_POLICY_BYTES:
        message = f"the files have {total} bytes together, at most {MAX_POLICY_BYTES} are allowed"
        return (_finding("too_large", FILE, message),)
    return found


def _paths(source: PolicySource) -> Iterator[Finding]:
    seen = {FILE}
    folders = {path.rsplit("/", cut)[0] for path, _ in source.files for cut in range(1, path.count("/") + 1)}
    for path, _ in source.files:
        parts = path.split("/")
        if not all(_PART.fullmatch(part) and part not in (".", "..") for part in parts):
            yield _finding("bad_path", path, f"{path!r} is no plain relative path")
        elif path in seen or path in folders:
            yield _finding("bad_path", path, f"{path!r} stands twice")
        elif not (path.endswith(".rego") or is_data(path) or path == SCHEMA):
            yield _finding("unknown_file", path, f"{path!r} is neither a module nor data")
        seen.add(path)


def _text(path: str, data: bytes) -> Iterator[Finding]:
    if len(data) > MAX_SOURCE_BYTES:
        message = f"the source has {len(data)} bytes, at most {MAX_SOURCE_BYTES} are allowed"
        yield _finding("too_large", path, message)
    elif b"\x00" in data:
        yield _finding("bad_text", path, "the source holds a NUL character")
    elif path.endswith(".rego"):
        yield from _nesting(path, data)


def _nesting(path: str, data: bytes) -> Iterator[Finding]:
    depth = 0
    for token in _TOKENS.finditer(data):
        mark = token[0]
        if mark in (b"[", b"(", b"{"):
            depth += 1
            if depth > MAX_NESTING:
                row, column = Source(data).row_and_column(token.start())
                message = f"brackets are nested deeper than {MAX_NESTING}"
                yield Finding(path, row, column, "too_deep", message, _HINTS["too_deep"])
                return
        elif mark in (b"]", b")", b"}"):
            depth -= 1


def _finding(rule: str, path: str, message: str) -> Finding:
    return Finding(path, 0, 0, rule, message, _HINTS[rule])
