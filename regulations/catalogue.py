"""``controls.csv``: ids, parents, kinds and selector columns, held against ``regulation.yaml``."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from regulations.documents import RegulationFile
from regulations.hashing import CATALOGUE_COLUMNS, catalogue_hash
from regulations.model import Control
from regulations.problems import Kind, Report
from regulations.sources import Lines, Row, Sources, table

FILE: Final = "controls.csv"
REGULATION_FILE: Final = "regulation.yaml"
DUTY: Final = "duty"
"""Optional column, ``yes`` or ``no``: whether the id binds an operator. Without it, every id does."""
BETWEEN: Final = "|"
"""Stands between the values of one cell."""

LineOf = Mapping[str, int]
"""Line in ``controls.csv`` by id."""


def catalogue(
    sources: Sources, file: RegulationFile, lines: Lines, report: Report
) -> tuple[tuple[Control, ...], LineOf]:
    """Every control that could be read; problems of the table and of the counts are noted."""
    read = table(FILE, sources, CATALOGUE_COLUMNS, report, open_ended=True)
    columns = [name for name in read.header[len(CATALOGUE_COLUMNS) :] if name != DUTY]
    for name in columns:
        if name not in file.columns:
            report.add(FILE, 1, Kind.COLUMNS_WRONG, f"{name}: {REGULATION_FILE} declares no such column")
    for name in file.columns.keys() - set(columns):
        report.add(
            REGULATION_FILE,
            lines.of("columns", name),
            Kind.COLUMNS_WRONG,
            f"{name}: {FILE} has no such column",
        )
    controls = [_control(row, columns, file, report) for row in read.rows]
    line_of = {row.cells["id"]: row.line for row in reversed(read.rows)}
    _ids(read.rows, report)
    _parents(controls, line_of, report)
    _counts(controls, file, lines, report)
    computed = catalogue_hash(read.rows)
    if computed != file.catalogue_hash:
        message = f"{FILE} has {computed}; write that if each id, parent, title and kind is meant"
        report.add(REGULATION_FILE, lines.of("catalogue_hash"), Kind.HASH_DIFFERS, message)
    return tuple(controls), line_of


def _control(row: Row, columns: Sequence[str], file: RegulationFile, report: Report) -> Control:
    cells = row.cells
    if not cells["title"]:
        report.add(FILE, row.line, Kind.TITLE_MISSING, f"{cells['id']}: no title")
    if cells["kind"] not in file.counts.kind:
        report.add(FILE, row.line, Kind.KIND_UNKNOWN, f"{cells['id']}: kind {cells['kind']!r} is not counted")
    if cells.get(DUTY, "yes") not in {"yes", "no"}:
        report.add(FILE, row.line, Kind.VALUE_UNKNOWN, f"{cells['id']}: {DUTY} must be yes or no")
    attributes = {}
    for column in columns:
        attributes[column] = tuple(value for value in cells[column].split(BETWEEN) if value)
        for value in attributes[column]:
            if value not in file.columns.get(column, (value,)):
                message = f"{cells['id']}: {column} has no value {value!r}"
                report.add(FILE, row.line, Kind.VALUE_UNKNOWN, message)
    finer = cells["kind"] in file.finer_kinds
    if finer and not cells["parent"]:
        report.add(FILE, row.line, Kind.PARENT_MISSING, f"{cells['id']}: a {cells['kind']} needs a parent")
    return Control(
        id=cells["id"],
        parent=cells["parent"] or None,
        title=cells["title"],
        kind=cells["kind"],
        finer=finer,
        duty=cells.get(DUTY, "yes") == "yes",
        excludable=cells["kind"] in file.excludable_kinds,
        attributes=attributes,
    )


def _ids(rows: Sequence[Row], report: Report) -> None:
    seen: set[str] = set()
    for row in rows:
        control_id = row.cells["id"]
        if not control_id or not control_id.isascii() or not control_id.isprintable():
            report.add(FILE, row.line, Kind.ID_INVALID, f"{control_id!r} is no id")
        if control_id in seen:
            report.add(FILE, row.line, Kind.ID_DUPLICATE, f"{control_id} stands twice")
        seen.add(control_id)


def _parents(controls: Sequence[Control], line_of: LineOf, report: Report) -> None:
    parent_of = {control.id: control.parent for control in controls}
    for control in controls:
        if control.parent is not None and control.parent not in parent_of:
            message = f"{control.id}: the parent {control.parent} is not in the catalogue"
            report.add(FILE, line_of[control.id], Kind.PARENT_UNKNOWN, message)
        above, seen = control.parent, {control.id}
        while above is not None and above not in seen:
            seen.add(above)
            above = parent_of.get(above)
        if above == control.id:
            report.add(FILE, line_of[control.id], Kind.PARENT_CYCLE, f"{control.id} is its own ancestor")


def _counts(controls: Sequence[Control], file: RegulationFile, lines: Lines, report: Report) -> None:
    finer = [control for control in controls if control.finer]
    counts = file.counts
    expected: dict[tuple[str, ...], tuple[int, int]] = {
        ("controls",): (counts.controls, len(controls) - len(finer)),
        ("finer",): (counts.finer, len(finer)),
        ("finer_duties",): (counts.finer_duties, sum(control.duty for control in finer)),
    }
    kinds = Counter(control.kind for control in controls)
    for kind, count in counts.kind.items():
        expected["kind", kind] = (count, kinds[kind])
    for column, values in counts.columns.items():
        found = Counter(value for control in controls for value in control.attributes.get(column, ()))
        for value, count in values.items():
            expected["columns", column, value] = (count, found[value])
    for place, (wanted, is_) in expected.items():
        if wanted != is_:
            message = f"{'.'.join(place)}: {wanted} expected, {FILE} has {is_}"
            report.add(REGULATION_FILE, lines.of("counts", *place), Kind.COUNT_DIFFERS, message)
