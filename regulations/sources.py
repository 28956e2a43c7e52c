"""Files of a folder: read once, then parsed with the line of every row and field kept."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from regulations.problems import Kind, Report

Sources = Mapping[str, bytes]
"""Content by path inside the folder, with ``/`` between names."""

FieldPath = tuple[str | int, ...]

_DEEPEST: Final = 16
"""Levels of fields whose lines are kept; an anchor inside itself has no end."""

Model = TypeVar("Model", bound=BaseModel)


def read(folder: Path) -> Sources:
    """Every file below ``folder``, sorted, without hidden and generated ones. Raises ``OSError``."""
    files = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and _ours(path)
    }
    return {name: files[name].read_bytes() for name in sorted(files)}


def _ours(path: Path) -> bool:
    return not path.name.startswith(".") and "__pycache__" not in path.parts


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a table; every column of the header has a cell, stripped of white space."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file with a header."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]


def text(name: str, sources: Sources, report: Report) -> str | None:
    """The file as UTF-8 text, or None with a problem noted when it is absent or not UTF-8."""
    if name not in sources:
        report.add(name, 1, Kind.FILE_MISSING, "the file is missing")
        return None
    try:
        return sources[name].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = sources[name].count(b"\n", 0, error.start) + 1
        report.add(name, line, Kind.FILE_UNREADABLE, "not UTF-8")
        return None


def records(content: str) -> list[tuple[int, list[str]]]:
    """RFC 4180 records with the line each starts at; blank lines are left out. Raises ``csv.Error``."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    found, start = [], 1
    for cells in reader:
        if any(cells):
            found.append((start, [cell.strip() for cell in cells]))
        start = reader.line_num + 1
    return found


def table(
    name: str, sources: Sources, columns: Sequence[str], report: Report, *, open_ended: bool = False
) -> Table:
    """A CSV file with exactly ``columns``; ``open_ended`` allows more after them. Empty where unreadable."""
    content = text(name, sources, report)
    if content is None:
        return Table((), ())
    try:
        found = records(content)
    except csv.Error as error:
        report.add(name, 1, Kind.FILE_UNREADABLE, f"not CSV: {error}")
        return Table((), ())
    header = tuple(found[0][1]) if found else ()
    wanted = tuple(columns)
    if header[: len(wanted)] != wanted or (len(header) > len(wanted) and not open_ended):
        report.add(name, 1, Kind.COLUMNS_WRONG, f"the columns must be {', '.join(wanted)}")
        return Table((), ())
    if len(set(header)) != len(header):
        report.add(name, 1, Kind.COLUMNS_WRONG, "a column is named twice")
        return Table((), ())
    return Table(header, tuple(_rows(name, header, found[1:], report)))


def _rows(
    name: str, header: Sequence[str], found: Sequence[tuple[int, list[str]]], report: Report
) -> list[Row]:
    rows = []
    for line, cells in found:
        if len(cells) != len(header):
            report.add(name, line, Kind.ROW_WRONG, f"{len(cells)} cells where the header has {len(header)}")
        else:
            rows.append(Row(line, dict(zip(header, cells, strict=True))))
    return rows


@dataclass(frozen=True, slots=True)
class Lines:
    """The line of every field of a YAML file."""

    by_path: Mapping[FieldPath, int]

    def of(self, *path: str | int) -> int:
        """The line of the field, or of the nearest field around it."""
        while path and path not in self.by_path:
            path = path[:-1]
        return self.by_path.get(path, 1)


class _Plain(yaml.SafeLoader):
    """Leaves days as text: an impossible one is then a problem of its field, with its line."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def plain_yaml(content: str) -> object:
    """The value of a YAML document, days as text. Raises ``yaml.YAMLError``."""
    value: object = yaml.load(content, Loader=_Plain)  # noqa: S506 - a SafeLoader
    return value


def _said(error: yaml.YAMLError) -> str:
    return (error.problem if isinstance(error, yaml.MarkedYAMLError) else None) or str(error)


def document(name: str, sources: Sources, model: type[Model], report: Report) -> tuple[Model, Lines] | None:
    """A YAML file as ``model``, or None with every problem of its fields noted."""
    content = text(name, sources, report)
    if content is None:
        return None
    lines: dict[FieldPath, int] = {}
    try:
        value = plain_yaml(content)
        _note(name, _Plain(content).get_single_node(), (), lines, report)
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        report.add(name, mark.line + 1 if mark else 1, Kind.FILE_UNREADABLE, f"not YAML: {_said(error)}")
        return None
    try:
        return model.model_validate(value), Lines(lines)
    except ValidationError as invalid:
        for found in invalid.errors():
            field = ".".join(map(str, found["loc"])) or "the file"
            report.add(name, Lines(lines).of(*found["loc"]), Kind.FIELD_INVALID, f"{field}: {found['msg']}")
        return None


def _note(
    name: str, node: yaml.Node | None, path: FieldPath, lines: dict[FieldPath, int], report: Report
) -> None:
    """Keep the line of each field below ``node``; a key that stands twice is a problem."""
    if node is None or len(path) > _DEEPEST:
        return
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note(name, item, (*path, index), lines, report)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            if below in lines:
                report.add(name, key.start_mark.line + 1, Kind.FIELD_INVALID, f"{key.value}: stands twice")
            lines[below] = key.start_mark.line + 1
            _note(name, value, below, lines, report)
