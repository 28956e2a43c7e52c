"""Running the Rego tests of policies, with their coverage (``opa test``)."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, Field, TypeAdapter

from rego.binary import BinaryLimits, run

ENDINGS: Final = frozenset({0, 1, 2})
"""Exit statuses of ``opa test``: all passed, could not run, some failed."""


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


@dataclass(frozen=True, slots=True)
class Tested:
    """What a run found. ``coverage`` is the share of lines that ran, 0 to 100; None where a test failed."""

    results: tuple[TestResult, ...]
    coverage: float | None
    uncovered: Mapping[str, tuple[int, ...]]
    """Rows that never ran, by file."""

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


class _Coverage(BaseModel):
    files: dict[str, _File]
    coverage: float


_RESULTS: Final = TypeAdapter(list[_Result])


async def run_tests(binary: str, files: Sequence[str], limits: BinaryLimits) -> Tested:
    """Runs every test in ``files`` (paths of modules, tests and data; folders count with all below them).

    Raises :class:`NotTestable`, :class:`rego.binary.OutOfBounds` and :class:`rego.CheckUnavailable`.
    """
    with tempfile.TemporaryDirectory(prefix="rego-test-") as folder:
        ended = await run(binary, ("test", "--format", "json", *files), folder, limits, ENDINGS)
        if ended.status == 1:
            raise NotTestable(ended.err.decode(errors="replace").strip() or "no tests")
        results = tuple(
            TestResult(
                name=f"{each.package.removeprefix('data.')}.{each.name}",
                file=each.location.file,
                row=each.location.row,
                passed=not (each.fail or each.error or each.skip),
                skipped=each.skip,
            )
            for each in _RESULTS.validate_json(ended.out or b"[]")
        )
        if ended.status != 0:
            return Tested(results, None, {})
        covered = await run(
            binary, ("test", "--coverage", "--format", "json", *files), folder, limits, ENDINGS
        )
        found = _Coverage.model_validate_json(covered.out)
    uncovered = {
        name: tuple(row for each in file.not_covered for row in range(each.start.row, each.end.row + 1))
        for name, file in found.files.items()
        if file.not_covered
    }
    return Tested(results, found.coverage, uncovered)
