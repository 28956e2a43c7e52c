"""What stands beside catalogue and mapping: laws, selectors, planned checks, dates, obligations, profile."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Final

from regulations.catalogue import REGULATION_FILE, LineOf
from regulations.documents import RegulationFile, WorkflowFile
from regulations.model import (
    ApplicationDate,
    Clock,
    ExtraGuard,
    Law,
    Obligation,
    Period,
    PlannedCheck,
    Profile,
    Selector,
)
from regulations.problems import Kind, Report
from regulations.profiles import GUARDS, TRANSITIONS
from regulations.sources import Lines, Row, Sources, table
from regulations.technical import Mode

WORKFLOW_FILE: Final = "workflow.yaml"
PLANNED_FILE: Final = "planned.csv"
DATES_FILE: Final = "dates.csv"
OBLIGATIONS_FILE: Final = "obligations.csv"
CLASS: Final = "class"
"""The selector column whose values ``dates.csv`` may name."""


def laws(file: RegulationFile, lines: Lines, line_of: LineOf, report: Report) -> tuple[Law, ...]:
    """The versions of the law, in the order of their dates."""
    for index, (before, after) in enumerate(pairwise(file.law), start=1):
        if before.in_force >= after.in_force or before.version == after.version:
            message = f"{after.version}: versions differ and stand in the order of their dates"
            report.add(REGULATION_FILE, lines.of("law", index), Kind.LAW_ORDER, message)
    for index, law in enumerate(file.law):
        for control in (control for control in law.changed if control not in line_of):
            message = f"{law.version}: {control} is not in the catalogue"
            report.add(REGULATION_FILE, lines.of("law", index, "changed"), Kind.CONTROL_UNKNOWN, message)
        for control in (control for control in law.removed if control in line_of):
            message = f"{law.version}: {control} is removed and in the catalogue"
            report.add(REGULATION_FILE, lines.of("law", index, "removed"), Kind.CONTROL_UNKNOWN, message)
    return tuple(Law(law.version, law.title, law.in_force, law.changed, law.removed) for law in file.law)


def period(file: RegulationFile, lines: Lines, report: Report) -> Period:
    """How long an assessment period may be."""
    entry = file.period
    if not entry.min_months <= entry.default_months <= entry.max_months:
        message = "the default lies between the shortest and the longest"
        report.add(REGULATION_FILE, lines.of("period"), Kind.PERIOD_WRONG, message)
    return Period(entry.min_months, entry.max_months, entry.default_months)


def selectors(file: RegulationFile, lines: Lines, report: Report) -> Mapping[str, Selector]:
    """The choices of scope, by column."""
    found = {}
    for column, entry in file.selectors.items():
        values = file.columns.get(column, ())
        unknown = sorted({*entry.always, *entry.default} - set(values))
        if unknown:
            message = f"{column}: no such value: {', '.join(unknown)}"
        elif entry.choose == "one" and (len(entry.default) != 1 or entry.always):
            message = f"{column}: with one to choose there is one default, and nothing is always in"
        else:
            message = ""
        if message:
            report.add(REGULATION_FILE, lines.of("selectors", column), Kind.SELECTOR_WRONG, message)
        found[column] = Selector(column, entry.choose, values, entry.always, entry.default)
    return found


def planned(
    sources: Sources, line_of: LineOf, covered: frozenset[str], report: Report
) -> tuple[PlannedCheck, ...]:
    """Checks in words. ``covered`` are the ids that the mapping as it stands already covers."""
    if PLANNED_FILE not in sources:
        return ()
    found: dict[str, PlannedCheck] = {}
    for row in table(PLANNED_FILE, sources, ("control", "mode", "check"), report).rows:
        control, mode, check = row.cells["control"], row.cells["mode"], row.cells["check"]
        _known(PLANNED_FILE, row, line_of, report)
        if control in found:
            report.add(PLANNED_FILE, row.line, Kind.ID_DUPLICATE, f"{control} stands twice")
        if control in covered:
            report.add(PLANNED_FILE, row.line, Kind.PLAN_NEEDLESS, f"{control} is covered by its mapping")
        if not check:
            report.add(PLANNED_FILE, row.line, Kind.RATIONALE_MISSING, f"{control}: say what is checked")
        if mode in {known.value for known in Mode}:
            found[control] = PlannedCheck(control, Mode(mode), check)
        else:
            report.add(PLANNED_FILE, row.line, Kind.STATUS_UNKNOWN, f"{control}: {mode!r} is not E, R or D")
    return tuple(found.values())


def dates(
    sources: Sources, file: RegulationFile, line_of: LineOf, report: Report
) -> tuple[ApplicationDate, ...]:
    """From when what applies to whom."""
    if DATES_FILE not in sources:
        return ()
    columns = ("control", "law", CLASS, "placed_before", "applies_from", "note")
    versions = {law.version for law in file.law}
    found: dict[tuple[str, ...], ApplicationDate] = {}
    for row in table(DATES_FILE, sources, columns, report).rows:
        cells = row.cells
        _known(DATES_FILE, row, line_of, report)
        if cells["law"] not in versions:
            report.add(DATES_FILE, row.line, Kind.LAW_UNKNOWN, f"{cells['law']!r} is no version of the law")
        if cells[CLASS] and cells[CLASS] not in file.columns.get(CLASS, ()):
            report.add(DATES_FILE, row.line, Kind.VALUE_UNKNOWN, f"{cells[CLASS]!r} is no class")
        key = tuple(cells[column] for column in columns[:4])
        if key in found:
            report.add(DATES_FILE, row.line, Kind.ID_DUPLICATE, f"{' '.join(filter(None, key))} stands twice")
        before = _day(row, "placed_before", report) if cells["placed_before"] else None
        since = _day(row, "applies_from", report)
        if since is not None:
            found[key] = ApplicationDate(
                cells["control"], cells["law"], cells[CLASS] or None, before, since, cells["note"]
            )
    return tuple(found.values())


def _day(row: Row, column: str, report: Report) -> date | None:
    word = row.cells[column]
    try:
        day = date.fromisoformat(word)
    except ValueError:
        day = None
    if day is None or day.isoformat() != word:
        report.add(
            DATES_FILE, row.line, Kind.DATE_INVALID, f"{column}: {word!r} is not a day like 2026-08-02"
        )
        return None
    return day


def obligations(
    sources: Sources, file: RegulationFile, lines: Lines, report: Report
) -> tuple[Obligation, ...]:
    """What the regulation asks beside its controls."""
    found: dict[str, Obligation] = {}
    if OBLIGATIONS_FILE in sources:
        for row in table(OBLIGATIONS_FILE, sources, ("id", "title", "kind", "group"), report).rows:
            entry = Obligation(*(row.cells[column] for column in ("id", "title", "kind", "group")))
            if not entry.title:
                report.add(OBLIGATIONS_FILE, row.line, Kind.TITLE_MISSING, f"{entry.id}: no title")
            if entry.id in found:
                report.add(OBLIGATIONS_FILE, row.line, Kind.ID_DUPLICATE, f"{entry.id} stands twice")
            found[entry.id] = entry
    if len(found) != file.counts.obligations:
        message = f"obligations: {file.counts.obligations} expected, {OBLIGATIONS_FILE} has {len(found)}"
        report.add(REGULATION_FILE, lines.of("counts", "obligations"), Kind.COUNT_DIFFERS, message)
    return tuple(found.values())


def profile(file: WorkflowFile, lines: Lines, report: Report) -> Profile:
    """What a workflow of this regulation calls its phases and adds to the common ones."""
    for index, entry in enumerate(file.guards):
        if entry.guard not in GUARDS:
            place = lines.of("guards", index, "guard")
            report.add(WORKFLOW_FILE, place, Kind.GUARD_UNKNOWN, f"{entry.guard} is no guard")
        if entry.transition not in TRANSITIONS:
            place = lines.of("guards", index, "transition")
            report.add(WORKFLOW_FILE, place, Kind.TRANSITION_UNKNOWN, f"{entry.transition} is no transition")
    _names([clock.name for clock in file.clocks], lines, report)
    return Profile(
        readiness=file.phases.readiness,
        observing=file.phases.observing,
        attesting=file.phases.attesting,
        guards=tuple(ExtraGuard(entry.guard, entry.transition) for entry in file.guards),
        clocks=tuple(
            Clock(clock.name, clock.starts, clock.within, clock.note, clock.retention)
            for clock in file.clocks
        ),
    )


def _names(names: Sequence[str], lines: Lines, report: Report) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            report.add(WORKFLOW_FILE, lines.of("clocks", index), Kind.ID_DUPLICATE, f"{name} stands twice")


def _known(file: str, row: Row, line_of: LineOf, report: Report) -> None:
    control = row.cells["control"]
    if control not in line_of:
        report.add(file, row.line, Kind.CONTROL_UNKNOWN, f"{control!r} is not in the catalogue")
