"""Examining a source that is within bounds: from its modules to what OPA loads, or to findings.

Findings of these steps beside those of :mod:`rego.rules`, :mod:`rego.data` and OPA's own codes
(``rego_parse_error``, ``rego_type_error``, …): ``bad_text`` (the source does not hold at a place what its
tree says), ``v0_syntax`` (a module of the language's version 0) and ``resource_limit`` (the check was ended
by a limit, or the checker crashed).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from rego.binary import OutOfBounds
from rego.capabilities import IN_TESTS, Capabilities, allowed
from rego.cost import Stopwatch
from rego.data import placed_data, self_contained
from rego.findings import FILE, Accepted, Failed, Finding, Refused, Report
from rego.inputs import MOST, inputs_for
from rego.layout import Layout
from rego.lint import warnings_of
from rego.loaded import NO_DATA, Loaded, Place, data_document
from rego.opa import Opa
from rego.places import Edited, Source, Unlocatable
from rego.rewrite import moved, printed_paths
from rego.rules import (
    assembled_decision,
    decision_findings,
    engine_findings,
    findings_of,
    findings_of_test,
    package_findings,
)
from rego.source import PolicySource
from rego.syntax import Module
from rego.trials import tried

PARSED_AT_ONCE: Final = 2
"""Modules of one policy that are parsed at the same time."""

WALL_S: Final = 20.0
"""Seconds until a whole examination is given up; each of its runs has limits of its own."""

MAX_EVENT_BYTES: Final = 983_040
"""Bound of a policy as submitted and as loaded together: 64 KiB are left for the rest of its event."""

_V0_HINT: Final = "Convert the file with opa fmt --v0-v1 --write FILE, or submit it as rego_v0."

_HINT: Final = "Make the policy smaller or simpler; the engine checks it within fixed limits."


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is to be examined, and what it must keep to."""

    source: PolicySource
    """Within the bounds of :func:`rego.source.out_of_bounds`."""
    place: Place
    timeout_ms: int
    minimum_coverage: int
    recorded: Sequence[bytes] = ()
    """Inputs (JSON) that its policy decided on."""


class Examiner(Protocol):
    """Where candidates are examined."""

    async def examine(self, candidate: Candidate) -> Accepted | Refused:
        """Raises :class:`rego.CheckUnavailable` when nothing can be said."""


def ended(said: str) -> Refused:
    """What is said of a source whose examination was ended."""
    return Refused((Finding(FILE, 0, 0, "resource_limit", f"the check was ended: {said}", _HINT),))


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A policy's modules, the entry module first, its tests, and how they lie."""

    modules: Sequence[Module]
    tests: Sequence[Module]
    layout: Layout
    data: dict[str, object]

    @property
    def entry_package(self) -> list[Module]:
        """The modules whose rules make the decision document."""
        return [module for module in self.modules if module.package.static == self.layout.entry]


@dataclass(frozen=True, slots=True)
class ExaminerHere:
    """Examines in this process: its event loop waits while a syntax tree is read."""

    opa: Opa

    async def examine(self, candidate: Candidate) -> Accepted | Refused:
        """As :meth:`Examiner.examine`."""
        try:
            async with asyncio.timeout(WALL_S):
                return await self._examine(candidate)
        except (OutOfBounds, TimeoutError) as error:
            return ended(str(error) or f"not finished in {WALL_S:g} s")

    async def _examine(self, candidate: Candidate) -> Accepted | Refused:
        source, place = candidate.source, candidate.place
        capabilities = await self.opa.capabilities()
        try:
            parsed = await self._parsed(source)
            found = _static_findings(parsed, capabilities)
            if found:
                return Refused(tuple(found))
            loaded = await self._compiled(source, parsed, place, capabilities)
            report = await self._run(candidate, parsed, loaded, capabilities)
        except Failed as failure:
            return Refused(failure.findings)
        builtins = allowed() | capabilities.forbidden
        warnings = warnings_of(parsed.modules, parsed.layout, builtins, source.language)
        return Accepted(loaded, ".".join(parsed.layout.entry), tuple(warnings), report)

    async def _run(
        self, candidate: Candidate, parsed: _Parsed, loaded: Loaded, capabilities: Capabilities
    ) -> Report:
        """Runs the tests first: what they say is worth more than a measurement on their inputs."""
        tested = await tried(self.opa, candidate.source, capabilities, candidate.minimum_coverage)
        inputs = [*candidate.recorded, *inputs_for(parsed.modules, parsed.tests)][:MOST]
        stopwatch = Stopwatch(self.opa, loaded, candidate.place, candidate.timeout_ms)
        cost = await stopwatch.measured(inputs)
        passed, coverage = (tested.passed, tested.coverage) if tested else (0, None)
        return Report(passed, coverage, cost.inputs, cost.slowest_us)

    async def _parsed(self, source: PolicySource) -> _Parsed:
        slots = asyncio.Semaphore(PARSED_AT_ONCE)

        async def parse(path: str, text: str) -> Module:
            async with slots:
                return await self.opa.parse(path, text.encode(), source.language)

        parsing = (parse(*file) for file in (*source.modules, *source.tests))
        results = await asyncio.gather(*parsing, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, Failed):
                raise result
        if failures := [result for result in results if isinstance(result, Failed)]:
            found = [finding for failure in failures for finding in failure.findings]
            raise Failed(*(await self._older_language(source) or found))
        read = [result for result in results if isinstance(result, Module)]
        modules, tests = read[: len(source.modules)], read[len(source.modules) :]
        data = await self.opa.read_data(dict(source.data)) if source.data else {}
        roots = {module.package.static for module in modules} | {(name,) for name in data}
        return _Parsed(modules, tests, Layout(modules[0].package.static, frozenset(roots)), data)

    async def _older_language(self, source: PolicySource) -> list[Finding]:
        """Where modules that do not parse would do so in the language's version 0, what to do about it."""
        if source.language == "v0":
            return []
        found = []
        for path, text in (*source.modules, *source.tests):
            try:
                await self.opa.parse(path, text.encode(), "v1")
            except Failed as failure:
                try:
                    await self.opa.parse(path, text.encode(), "v0")
                except Failed:
                    return []
                first = failure.findings[0]
                message = f"the module is written in version 0 of the language: {first.message}"
                found.append(replace(first, rule="v0_syntax", message=message, hint=_V0_HINT))
        return found

    async def _compiled(
        self, source: PolicySource, parsed: _Parsed, place: Place, capabilities: Capabilities
    ) -> Loaded:
        """Moves and compiles the modules and reads them once more: they must be where they were put."""
        data = placed_data(parsed.data, parsed.layout, parsed.modules) if parsed.data else NO_DATA
        document = data_document({place: data})
        schema = source.schema and self_contained(source.schema)
        edited = _moved(source, parsed, place)
        files = [(module.file, each.source.data) for module, each in zip(parsed.modules, edited, strict=True)]
        if source.language == "v0":
            found = await self.opa.check(files, document, schema, capabilities, "v0")
            if found:
                raise Failed(*_in_source(found, files, edited, place, parsed.layout))
            files = [(path, await self.opa.converted(text)) for path, text in files]
        again, compiled = await asyncio.gather(
            self.opa.parse_again(files),
            self.opa.check(files, document, schema, capabilities, "v1"),
            return_exceptions=True,
        )
        if isinstance(compiled, BaseException):
            raise compiled
        if compiled:
            raise Failed(*_in_source(compiled, files, edited, place, parsed.layout))
        if isinstance(again, BaseException):
            raise again
        if not _stayed(again, place, capabilities):
            raise _unmovable(FILE, "the source does not stay in its package when it is moved there")
        module, *others = [(path, text.decode()) for path, text in files]
        return _within_event(source, Loaded(module[1], tuple(others), data))


def _static_findings(parsed: _Parsed, capabilities: Capabilities) -> list[Finding]:
    layout = parsed.layout
    found = [each for module in parsed.modules for each in package_findings(module, layout.entry)]
    return found or [
        *(each for module in parsed.modules for each in findings_of(module, layout, capabilities.forbidden)),
        *(each for module in parsed.modules for each in engine_findings(module, layout)),
        *(
            each
            for test in parsed.tests
            for each in findings_of_test(test, capabilities.forbidden - IN_TESTS)
        ),
        *decision_findings(parsed.entry_package),
    ]


def _moved(source: PolicySource, parsed: _Parsed, place: Place) -> list[Edited]:
    edited = []
    for module, (path, text) in zip(parsed.modules, source.modules, strict=True):
        appended = assembled_decision(parsed.entry_package) if path == FILE else ""
        try:
            edited.append(moved(Source(text.encode()), module, parsed.layout, place, appended))
        except Unlocatable as error:
            raise _unmovable(path, f"the source cannot be moved into its package: {error}") from None
    return edited


def _stayed(modules: Sequence[Module], place: Place, capabilities: Capabilities) -> bool:
    """Whether moved modules are at the version's place and name nothing outside of it."""
    own = Layout(place, frozenset({place}))
    return modules[0].package.static == place and not any(
        module.package.static[: len(place)] != place or findings_of(module, own, capabilities.forbidden)
        for module in modules
    )


def _in_source(
    findings: Sequence[Finding],
    files: Sequence[tuple[str, bytes]],
    edited: Sequence[Edited],
    place: Place,
    layout: Layout,
) -> list[Finding]:
    """Findings on moved modules as findings on the author's source."""
    by_file = {path: each for (path, _), each in zip(files, edited, strict=True)}
    found = []
    for finding in findings:
        message = finding.message
        for printed in printed_paths((*place, "data")):
            message = message.replace(printed, "data")
        for printed in printed_paths(place):
            message = message.replace(printed, f"data.{'.'.join(layout.entry)}")
        row, column = by_file[finding.file].original(finding.row, finding.column)
        found.append(replace(finding, row=row, column=column, message=message))
    return found


def _within_event(source: PolicySource, loaded: Loaded) -> Loaded:
    """Moving makes a module longer with every reference."""
    texts = (*source.everything, *loaded.modules, ("", loaded.module), ("", loaded.data))
    size = sum(len(text.encode()) for _, text in texts)
    if size > MAX_EVENT_BYTES:
        message = f"as submitted and as loaded the policy has {size} bytes, {MAX_EVENT_BYTES} are allowed"
        raise Failed(Finding(FILE, 0, 0, "too_large", message, _HINT))
    return loaded


def _unmovable(path: str, message: str) -> Failed:
    hint = "Write the references of this file plainly: data.acme.gate.limits."
    return Failed(Finding(path, 0, 0, "bad_text", message, hint))
