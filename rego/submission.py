"""From a submitted source to the module that OPA loads, or to the findings that keep it out.

Beside the rules of :mod:`rego.rules` and OPA's own codes (``rego_parse_error``, ``rego_type_error``, …)
findings have these: ``too_large``, ``too_deep``, ``bad_text`` and ``resource_limit`` (the check was ended
by a limit, or the checker crashed).
"""

import asyncio
import re
import tempfile
from collections import OrderedDict
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from rego import CheckUnavailable
from rego.binary import BinaryLimits, OutOfBounds, run
from rego.capabilities import Capabilities, cut_down
from rego.findings import FILE, Accepted, Finding, Refused
from rego.opa_errors import errors_of
from rego.places import Edited, Source, Unlocatable
from rego.rewrite import loaded_package, moved, printed_paths
from rego.rules import decision_findings, findings_of, package_findings, warnings_of
from rego.syntax import Module, TooDeep, read_module

__all__ = ["Accepted", "CheckUnavailable", "Checker", "Finding", "Refused"]

MAX_SOURCE_BYTES: Final = 262_144
"""Bound of a source in UTF-8: twice the characters that a command may hold."""

MAX_NESTING: Final = 50
"""Deepest nesting of brackets; a tree grows with the square of it."""

CACHED: Final = 256
"""Results kept, so that deciding a batch again does not check again; at most some 60 MB."""

AT_ONCE: Final = 2
"""Checks at the same time: the cores of a small machine."""

_TOKENS: Final = re.compile(rb'"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\n]*|[\[({]|[\])}]')

_Key = tuple[str, str, int, bytes]


class Checker:
    """Checks submitted sources with one OPA binary (a name on PATH, or a path)."""

    def __init__(self, binary: str, limits: BinaryLimits | None = None) -> None:
        self._binary = binary
        self._limits = limits or BinaryLimits()
        self._capabilities: Capabilities | None = None
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._known: OrderedDict[_Key, Accepted | Refused] = OrderedDict()

    async def check(self, tenant: str, policy_id: str, version: int, source: str) -> Accepted | Refused:
        """Whether a source may become this version, in about 40 ms.

        Raises :class:`rego.CheckUnavailable` when nothing can be said.
        """
        try:
            data = source.encode()
        except UnicodeEncodeError:
            return _refused("bad_text", "the source holds a surrogate that is no character")
        if refused := _out_of_bounds(data):
            return refused
        key = (tenant, policy_id, version, sha256(data).digest())
        if (known := self._known.get(key)) is not None:
            self._known.move_to_end(key)
            return known
        async with self._slots:
            try:
                result = await self._check(data, loaded_package(tenant, policy_id, version))
            except OutOfBounds as error:
                # Not kept: a busy machine may be the reason.
                return _refused("resource_limit", f"the check was ended: {error}")
        self._known[key] = result
        if len(self._known) > CACHED:
            self._known.popitem(last=False)
        return result

    async def _check(self, data: bytes, package: tuple[str, str, str, str]) -> Accepted | Refused:
        capabilities = self._capabilities or await self._read_capabilities()
        with tempfile.TemporaryDirectory(prefix="rego-check-") as folder:
            parsed = await self._parse(data, folder)
            if isinstance(parsed, Refused):
                return parsed
            own = parsed.package.static
            findings = package_findings(parsed) or [
                *findings_of(parsed, own, capabilities.forbidden),
                *decision_findings(parsed),
            ]
            if findings:
                return Refused(tuple(findings))
            try:
                edited = moved(Source(data), parsed, package)
            except Unlocatable as error:
                return _refused("bad_text", f"the source cannot be moved into its package: {error}")
            return await self._compile(parsed, edited, package, capabilities, folder)

    async def _compile(
        self,
        parsed: Module,
        edited: Edited,
        package: tuple[str, str, str, str],
        capabilities: Capabilities,
        folder: str,
    ) -> Accepted | Refused:
        """Compiles the moved module and reads it once more: it must be where it was put."""
        moved_data = edited.source.data
        _write(folder, "capabilities.json", capabilities.document)
        again, compiled = await asyncio.gather(
            self._parse(moved_data, folder), self._run_check(moved_data, folder), return_exceptions=True
        )
        for outcome in (again, compiled):
            if isinstance(outcome, BaseException):
                raise outcome
        assert not isinstance(again, BaseException)
        assert not isinstance(compiled, BaseException)
        if compiled:
            author = f"data.{'.'.join(parsed.package.static)}"
            return Refused(tuple(_in_source(finding, edited, package, author) for finding in compiled))
        if (
            isinstance(again, Refused)
            or again.package.static != package
            or findings_of(again, package, capabilities.forbidden)
        ):
            return _refused("bad_text", "the source does not stay in its package when it is moved there")
        return Accepted(
            module=moved_data.decode(),
            package=".".join(parsed.package.static),
            digest=sha256(moved_data).hexdigest(),
            warnings=tuple(warnings_of(parsed)),
        )

    async def _parse(self, data: bytes, folder: str) -> Module | Refused:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            _write(own, FILE, data)
            arguments = ("parse", "--format", "json", "--json-include", "locations,-comments", FILE)
            output = await run(self._binary, arguments, own, self._limits)
        if output.status:
            return Refused(errors_of(output))
        try:
            return await asyncio.to_thread(read_module, output.out)
        except TooDeep:
            return _refused("too_deep", "expressions are nested too deeply")

    async def _run_check(self, data: bytes, folder: str) -> tuple[Finding, ...]:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            _write(own, FILE, data)
            arguments = (
                "check",
                "--strict",
                "--capabilities",
                "../capabilities.json",
                "--format",
                "json",
                FILE,
            )
            output = await run(self._binary, arguments, own, self._limits)
        return errors_of(output) if output.status else ()

    async def _read_capabilities(self) -> Capabilities:
        with tempfile.TemporaryDirectory(prefix="rego-check-") as folder:
            output = await run(self._binary, ("capabilities", "--current"), folder, self._limits)
        self._capabilities = cut_down(output.out)
        return self._capabilities


def _write(folder: str, name: str, data: bytes) -> None:
    Path(folder, name).write_bytes(data)


def _in_source(finding: Finding, edited: Edited, package: tuple[str, ...], author: str) -> Finding:
    """A finding on the moved module as one on the author's source."""
    row, column = edited.original(finding.row, finding.column)
    message = finding.message
    for printed in printed_paths(package):
        message = message.replace(printed, author)
    return replace(finding, row=row, column=column, message=message)


def _out_of_bounds(data: bytes) -> Refused | None:
    if len(data) > MAX_SOURCE_BYTES:
        return _refused(
            "too_large", f"the source has {len(data)} bytes, at most {MAX_SOURCE_BYTES} are allowed"
        )
    if b"\x00" in data:
        return _refused("bad_text", "the source holds a NUL character")
    depth = 0
    for token in _TOKENS.finditer(data):
        mark = token[0]
        if mark in (b"[", b"(", b"{"):
            depth += 1
            if depth > MAX_NESTING:
                row, column = Source(data).row_and_column(token.start())
                message = f"brackets are nested deeper than {MAX_NESTING}"
                return Refused((Finding(FILE, row, column, "too_deep", message),))
        elif mark in (b"]", b")", b"}"):
            depth -= 1
    return None


def _refused(rule: str, message: str) -> Refused:
    return Refused((Finding(FILE, 0, 0, rule, message),))
