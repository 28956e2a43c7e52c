"""``mapping.csv``: which technical control serves which control, and how far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from regulations.catalogue import FILE as CONTROLS_FILE
from regulations.catalogue import LineOf
from regulations.model import ControlMapping, ManualControl, ParameterValue, Relation
from regulations.problems import Kind, Report
from regulations.sources import Row, Sources, table
from regulations.technical import Choice, Hub, Mode, Parameter, TechnicalControl

FILE: Final = "mapping.csv"
COLUMNS: Final = (
    "control", "technical_control", "relation", "strength", "completing_set", "parameters", "rationale",
    "reviewer", "status",
)  # fmt: skip
MANUAL: Final = "manual"
STRENGTHS: Final = range(1, 11)
_TECHNICAL: Final = ("technical_control", "relation", "strength", "completing_set", "parameters")


@dataclass(frozen=True, slots=True)
class Mappings:
    """The readable rows of ``mapping.csv``."""

    technical: tuple[ControlMapping, ...]
    manual: tuple[ManualControl, ...]


def mappings(sources: Sources, line_of: LineOf, hub: Hub, report: Report) -> Mappings:
    """Every row that could be read; problems of single rows and between rows are noted."""
    technical: list[tuple[int, ControlMapping]] = []
    manual: list[tuple[int, ManualControl]] = []
    read = table(FILE, sources, COLUMNS, report)
    for row in read.rows:
        _words(row, line_of, report)
        if row.cells["status"] == MANUAL:
            manual.append((row.line, _manual(row, report)))
        elif (mapping := _technical(row, hub, report)) is not None:
            technical.append((row.line, mapping))
    _pairs(technical, manual, report)
    _completing_sets(technical, report)
    if read.header:
        _unmapped(read.rows, line_of, report)
    return Mappings(tuple(each for _, each in technical), tuple(each for _, each in manual))


def _words(row: Row, line_of: LineOf, report: Report) -> None:
    control = row.cells["control"]
    if control not in line_of:
        report.add(FILE, row.line, Kind.CONTROL_UNKNOWN, f"{control!r} is not in the catalogue")
    if not row.cells["rationale"]:
        report.add(FILE, row.line, Kind.RATIONALE_MISSING, f"{control}: say why")
    if not row.cells["reviewer"]:
        report.add(FILE, row.line, Kind.REVIEWER_MISSING, f"{control}: name the role that reviewed it")


def _manual(row: Row, report: Report) -> ManualControl:
    filled = [column for column in _TECHNICAL if row.cells[column]]
    if filled:
        message = f"{row.cells['control']}: a manual row has no {', '.join(filled)}"
        report.add(FILE, row.line, Kind.MAPPING_CONTRADICTS, message)
    return ManualControl(row.cells["control"], row.cells["rationale"], row.cells["reviewer"])


def _technical(row: Row, hub: Hub, report: Report) -> ControlMapping | None:
    cells = row.cells
    mode = _mode(row, report)
    relation = _relation(row, report)
    strength = _strength(row, report)
    technical_control = hub.get(cells["technical_control"])
    if technical_control is None:
        message = f"{cells['control']}: {cells['technical_control']!r} is not in the hub"
        report.add(FILE, row.line, Kind.TECHNICAL_CONTROL_UNKNOWN, message)
        return None
    if mode is not None and mode != technical_control.mode:
        message = (
            f"{cells['control']}: in the hub {technical_control.id} is {technical_control.mode}, not {mode}"
        )
        report.add(FILE, row.line, Kind.STATUS_DIFFERS, message)
    parameters = _parameters(row, technical_control, report)
    if mode is None or relation is None or strength is None:
        return None
    return ControlMapping(
        control=cells["control"],
        technical_control=technical_control.id,
        relation=relation,
        strength=strength,
        completing_set=tuple(cells["completing_set"].split()),
        parameters=parameters,
        rationale=cells["rationale"],
        reviewer=cells["reviewer"],
        mode=mode,
    )


def _mode(row: Row, report: Report) -> Mode | None:
    status = row.cells["status"]
    if status in {mode.value for mode in Mode}:
        return Mode(status)
    report.add(
        FILE, row.line, Kind.STATUS_UNKNOWN, f"{row.cells['control']}: {status!r} is not E, R, D or {MANUAL}"
    )
    return None


def _relation(row: Row, report: Report) -> Relation | None:
    word = row.cells["relation"]
    if word in {relation.value for relation in Relation}:
        return Relation(word)
    message = f"{row.cells['control']}: {word!r} is not one of {', '.join(Relation)}"
    report.add(FILE, row.line, Kind.RELATION_UNKNOWN, message)
    return None


def _strength(row: Row, report: Report) -> int | None:
    word = row.cells["strength"]
    if word.isascii() and word.isdecimal() and int(word) in STRENGTHS:
        return int(word)
    message = f"{row.cells['control']}: strength {word!r} is not a whole number from 1 to 10"
    report.add(FILE, row.line, Kind.STRENGTH_OUT_OF_BOUNDS, message)
    return None


def _parameters(row: Row, wanted: TechnicalControl, report: Report) -> Mapping[str, ParameterValue]:
    """``name=value`` pairs with ``;`` between them."""
    found: dict[str, ParameterValue] = {}
    for pair in filter(None, row.cells["parameters"].split(";")):
        name, _, word = (part.strip() for part in pair.partition("="))
        value = _value(wanted.parameters.get(name), word)
        if value is None or name in found:
            message = f"{row.cells['control']}: {wanted.id} takes no {pair.strip()!r}"
            report.add(FILE, row.line, Kind.PARAMETER_WRONG, message)
        else:
            found[name] = value
    return found


def _value(parameter: Parameter | None, word: str) -> ParameterValue | None:
    """The value, or None where there is no such parameter or it lies outside its bounds."""
    if parameter is None:
        return None
    if isinstance(parameter, Choice):
        return word if word in parameter.choices else None
    if not (word.isascii() and word.isdecimal()):
        return None
    return int(word) if parameter.min <= int(word) <= parameter.max else None


def _pairs(
    technical: list[tuple[int, ControlMapping]], manual: list[tuple[int, ManualControl]], report: Report
) -> None:
    seen: set[tuple[str, str]] = set()
    for line, mapping in technical:
        pair = (mapping.control, mapping.technical_control)
        if pair in seen:
            report.add(FILE, line, Kind.MAPPING_DUPLICATE, f"{' and '.join(pair)} are mapped twice")
        seen.add(pair)
    mapped = {control for control, _ in seen}
    without: set[str] = set()
    for line, entry in manual:
        if entry.control in mapped:
            message = f"{entry.control} is mapped and {MANUAL} at once"
            report.add(FILE, line, Kind.MAPPING_CONTRADICTS, message)
        if entry.control in without:
            report.add(FILE, line, Kind.MAPPING_DUPLICATE, f"{entry.control} is {MANUAL} twice")
        without.add(entry.control)


def _completing_sets(technical: list[tuple[int, ControlMapping]], report: Report) -> None:
    by_pair = {(mapping.control, mapping.technical_control): mapping for _, mapping in technical}
    for line, mapping in technical:
        members = mapping.completing_set
        if not members:
            continue
        partners = [by_pair.get((mapping.control, member)) for member in members]
        if mapping.relation is not Relation.SUBSET_OF:
            reason = f"only {Relation.SUBSET_OF} has one"
        elif (
            mapping.technical_control not in members
            or len(set(members)) < 2
            or len(set(members)) < len(members)
        ):
            reason = "it holds the row's own technical control and at least one other, each once"
        elif any(partner is None or set(partner.completing_set) != set(members) for partner in partners):
            reason = "each member has a row for this control with the same set"
        else:
            continue
        message = f"{mapping.control}, {mapping.technical_control}: {reason}"
        report.add(FILE, line, Kind.COMPLETING_SET_WRONG, message)


def _unmapped(rows: Sequence[Row], line_of: LineOf, report: Report) -> None:
    """Every id needs a row, be it a faulty one: that has its own problem."""
    named = {row.cells["control"] for row in rows}
    for control, line in line_of.items():
        if control not in named:
            message = f"{control} has no row in {FILE}: map it, or write {MANUAL} and why"
            report.add(CONTROLS_FILE, line, Kind.CONTROL_UNMAPPED, message)
