"""The hub: every technical control below one folder, ``tc_001/control.yaml`` and so on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from regulations.documents import ChoiceEntry, ControlFile, NumberEntry, PopulationEntry
from regulations.problems import Kind, Problem, Report
from regulations.sources import Lines, Sources, document, read
from regulations.technical import Choice, Hub, Number, Parameter, Population, TechnicalControl

FILE: Final = "control.yaml"
FOLDER: Final = Path(__file__).parent.parent / "rego" / "controls"
"""Where the technical controls of this project are."""


def load_hub(folder: Path = FOLDER) -> tuple[Hub, tuple[Problem, ...]]:
    """Every technical control that could be read, and every problem. Raises ``OSError``."""
    by_control: dict[str, dict[str, bytes]] = {}
    for name, content in read(folder).items():
        place, _, file = name.partition("/")
        by_control.setdefault(place, {})[file] = content
    return parse_hub(folder.name, by_control)


def parse_hub(name: str, by_control: Mapping[str, Sources]) -> tuple[Hub, tuple[Problem, ...]]:
    """The same from file contents, by folder name. Pure."""
    problems: list[Problem] = []
    hub = {}
    for place, sources in by_control.items():
        report = Report(f"{name}/{place}")
        described = document(FILE, sources, ControlFile, report)
        if described is not None:
            control = _control(place, sources, *described, report)
            hub[control.id] = control
        problems += report.problems()
    return hub, tuple(sorted(problems))


def _control(
    place: str, sources: Sources, file: ControlFile, lines: Lines, report: Report
) -> TechnicalControl:
    if place != file.id.lower().replace("-", "_"):
        report.add(FILE, lines.of("id"), Kind.CODE_DIFFERS, f"{file.id} does not belong into {place}")
    if file.check is None and "check.rego" in sources:
        report.add(FILE, lines.of("check"), Kind.CHECK_UNDECLARED, "check.rego exists, but check is null")
    if file.check is not None and file.check not in sources:
        report.add(FILE, lines.of("check"), Kind.CHECK_MISSING, f"{file.check} does not exist")
    for name, entry in file.parameters.items():
        if not _default_fits(entry):
            message = f"{name}: the default is not one of its values"
            report.add(FILE, lines.of("parameters", name), Kind.PARAMETER_WRONG, message)
    return TechnicalControl(
        id=file.id,
        title=file.title,
        claim=file.claim,
        mode=file.mode,
        subject=file.subject,
        inputs=file.inputs,
        parameters={name: _parameter(entry) for name, entry in file.parameters.items()},
        freshness=file.freshness,
        cadence=file.cadence,
        grace=file.grace,
        population=_population(file, lines, report),
        sampling=file.sampling,
        empty=file.empty,
        severity=file.severity,
        remediation=file.remediation,
        check=file.check,
    )


def _default_fits(entry: NumberEntry | ChoiceEntry) -> bool:
    if isinstance(entry, ChoiceEntry):
        return entry.default in entry.choices
    return entry.min <= entry.default <= entry.max


def _parameter(entry: NumberEntry | ChoiceEntry) -> Parameter:
    if isinstance(entry, ChoiceEntry):
        return Choice(entry.choices, entry.default)
    return Number(entry.unit, entry.default, entry.min, entry.max, entry.tightens)


def _population(file: ControlFile, lines: Lines, report: Report) -> Population | None:
    entry: PopulationEntry | None = file.population
    if (entry is None) != (file.sampling is None):
        message = "with a population there is sampling, without one there is none"
        report.add(FILE, lines.of("sampling"), Kind.POPULATION_WRONG, message)
    if entry is None:
        return None
    if entry.deadline is not None and entry.deadline not in file.parameters:
        message = f"the deadline {entry.deadline} is no parameter"
        report.add(FILE, lines.of("population", "deadline"), Kind.PARAMETER_WRONG, message)
    for end, fact in (("opens", entry.opens), ("closes", entry.closes)):
        if fact is not None and fact not in file.inputs:
            message = f"{fact} is no input"
            report.add(FILE, lines.of("population", end), Kind.POPULATION_WRONG, message)
    return Population(entry.opens, entry.key, entry.closes, entry.deadline)
