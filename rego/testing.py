"""Running the Rego tests of policies, with their coverage (``opa test``)."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, Field, TypeAdapter

from rego.binary import BinaryLimits, Output, run
from rego.source import is_test

ENDINGS: Final = frozenset({0, 1, 2})
"""Exit statuses of ``opa test``: all passed, could not run, some failed."""

TEST_S: Final = 5
"""Seconds for which one test may run, on a busy machine too; the limits on CPU end a runaway before."""


class NotTestable(Exception):
    """The files cannot be tested: OPA's own words."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test; ``package.name``, and where it stands."""

    __test__ = False  # no test of ours, whatever its name

    name: str
    file: str
    row: int
    passed: bool
    skipped: bool
    error: str = ""
    """Why it could not be decided, in OPA's words; empty for a plain failure."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What a run found. ``coverage`` is the share of lines outside test files that ran, 0 to 100; None
    where a test failed or there are no such lines."""

    results: tuple[TestResult, ...]
    coverage: float | None
    uncovered: Mapping[str, tuple[int, ...]]
    """Rows outside test files that never ran, by file."""

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return sum(each.passed for each in self.results)

    @property
    def failed(self) -> tuple[TestResult, ...]:
        """The tests that did not pass."""
        return tuple(each for each in self.results if not each.passed and not each.skipped)


class _Location(BaseModel):
    file: str
    row: int


class _Result(BaseModel):
    location: _Location
    package: str
    name: str
    fail: bool = False
    error: object = None
    skip: bool = False


class _Place(BaseModel):
    row: int


class _Range(BaseModel):
    start: _Place
    end: _Place


class _File(BaseModel):
    not_covered: Annotated[list[_Range], Field(default_factory=list)]
    covered_lines: int = 0
    not_covered_lines: int = 0


class _Coverage(BaseModel):
    files: dict[str, _File]


_RESULTS: Final = TypeAdapter(list[_Result])


async def run_tests(
    binary: str,
    files: Sequence[str],
    limits: BinaryLimits,
    folder: str | None = None,
    options: Sequence[str] = (),
) -> Tested:
    """Runs every test in ``files`` (paths of modules, tests and data; folders count with all below them).

    Paths are relative to ``folder``, which may be left out for absolute ones. Raises
    :class:`NotTestable`, :class:`rego.binary.OutOfBounds` and :class:`rego.CheckUnavailable`.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="rego-test-") as empty:
            return await run_tests(binary, files, limits, empty, options)
    arguments = ("test", "--format", "json", "--timeout", f"{TEST_S}s", *options)
    both = await asyncio.gather(
        run(binary, (*arguments, *files), folder, limits, ENDINGS),
        run(binary, (*arguments, "--coverage", *files), folder, limits, ENDINGS),
        return_exceptions=True,
    )
    ended, covered = (_finished(each) for each in both)
    if ended.status == 1:
        raise NotTestable(ended.err.decode(errors="replace").strip() or "no tests")
    results = tuple(
        TestResult(
            name=f"{each.package.removeprefix('data.')}.{each.name}",
            file=each.location.file,
            row=each.location.row,
            passed=not (each.fail or each.error or each.skip),
            skipped=each.skip,
            error=str(each.error or ""),
        )
        for each in _RESULTS.validate_json(ended.out or b"[]")
    )
    return _covered(results, covered) if ended.status == 0 else Tested(results, None, {})


def _finished(output: Output | BaseException) -> Output:
    if isinstance(output, BaseException):
        raise output
    return output


def _covered(results: tuple[TestResult, ...], output: Output) -> Tested:
    found = _Coverage.model_validate_json(output.out)
    files = {name: file for name, file in found.files.items() if not is_test(name)}
    covered = sum(file.covered_lines for file in files.values())
    lines = covered + sum(file.not_covered_lines for file in files.values())
    uncovered = {
        name: tuple(row for each in file.not_covered for row in range(each.start.row, each.end.row + 1))
        for name, file in files.items()
        if file.not_covered
    }
    return Tested(results, 100 * covered / lines if lines else None, uncovered)
