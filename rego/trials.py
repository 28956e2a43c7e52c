"""A policy's own tests, run at its submission.

Findings: ``test_failed``, ``coverage_too_low``, and OPA's codes where the tests do not compile.
"""

from collections.abc import Iterator
from typing import Final

from rego.capabilities import Capabilities
from rego.findings import FILE, Failed, Finding
from rego.opa import Opa, folder_of
from rego.source import PolicySource, is_module
from rego.testing import NotTestable, Tested, TestResult, run_tests

_HINTS: Final = {
    "test_failed": "opa test --verbose shows the values; correct the policy or the test.",
    "coverage_too_low": "Test the rows that never ran; governance policy test names them.",
}

_NAMED: Final = 12
"""Rows that one finding names."""


async def tried(
    opa: Opa, source: PolicySource, capabilities: Capabilities, minimum_coverage: int
) -> Tested | None:
    """What the tests found, all passed and enough covered; None without tests.

    They run on the author's own files in their own places. Raises :class:`rego.findings.Failed`,
    :class:`rego.binary.OutOfBounds` and :class:`rego.CheckUnavailable`.
    """
    if not source.tests:
        if minimum_coverage:
            raise Failed(_too_low(f"the policy has no tests; {minimum_coverage} % of it must be tested"))
        return None
    tested_files = (*source.modules, *source.tests, *source.data)
    files = {f"files/{name}": text.encode() for name, text in tested_files}
    files["capabilities.json"] = capabilities.for_tests
    options = ["--capabilities", "../capabilities.json"]
    if source.language == "v0":
        options.append("--v0-compatible")
    with folder_of(files) as folder:
        try:
            tested = await run_tests(opa.binary, ["."], opa.limits, f"{folder}/files", options)
        except NotTestable as error:
            raise await _untestable(opa, source, capabilities, str(error)) from None
    if tested.failed:
        raise Failed(*(_failed(result) for result in tested.failed))
    if minimum_coverage and (not tested.passed or (tested.coverage or 0) < minimum_coverage):
        raise Failed(*_uncovered(tested, minimum_coverage))
    return tested


async def _untestable(opa: Opa, source: PolicySource, capabilities: Capabilities, said: str) -> Failed:
    """Why the tests do not compile: with places, as ``opa check`` tells them."""
    modules = [(path, text.encode()) for path, text in (*source.modules, *source.tests)]
    allowed = Capabilities(capabilities.for_tests, capabilities.forbidden, capabilities.for_tests)
    found = await opa.check(modules, b"{}", None, allowed, source.language, strict=False)
    if found:
        return Failed(*found)
    return Failed(Finding(source.tests[0][0], 0, 0, "test_failed", said[:500], _HINTS["test_failed"]))


def _failed(result: TestResult) -> Finding:
    message = f"{result.name} {result.error or 'failed'}"
    return Finding(result.file, result.row, 1, "test_failed", message[:500], _HINTS["test_failed"])


def _uncovered(tested: Tested, minimum: int) -> Iterator[Finding]:
    ran = f"the tests run {tested.coverage or 0:.1f} % of the policy's lines"
    yield _too_low(f"{ran}, {minimum} % are asked for")
    for path, rows in tested.uncovered.items():
        if is_module(path):
            named = ", ".join(map(str, sorted(set(rows))[:_NAMED]))
            yield Finding(
                path, rows[0], 1, "coverage_too_low", f"never ran: {named}", _HINTS["coverage_too_low"]
            )


def _too_low(message: str) -> Finding:
    return Finding(FILE, 0, 0, "coverage_too_low", message, _HINTS["coverage_too_low"])
