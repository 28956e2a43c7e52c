"""A policy's data files as one document, and its input's schema. Pure.

Findings: ``bad_data`` (no JSON or YAML object, or a number that does not survive), ``data_collision`` (two
values, or a value and a rule, in one place), ``reserved_data`` (a name that is the engine's) and
``bad_schema``.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import orjson

from rego.findings import FILE, Failed, Finding
from rego.layout import OTHERS, Layout
from rego.rules import RESERVED
from rego.source import SCHEMA
from rego.syntax import Module

_HINTS: Final = {
    "bad_data": "A data file holds one JSON or YAML object; opa eval --data FILE data shows what OPA reads.",
    "data_collision": "Give every name of data, packages and rules one place.",
    "reserved_data": "Choose another top name: that one is the engine's.",
    "bad_schema": "Write one self-contained JSON schema: every $ref begins with #.",
}


def read_document(answer: bytes, files: Mapping[str, str]) -> dict[str, object]:
    """The value of ``opa eval --format json data``; raises :class:`rego.findings.Failed`."""
    try:
        read = json.loads(answer, parse_int=_integer, parse_float=_number)
    except _Inexact as error:
        message = f"the number {error} does not survive as a 64-bit integer or float"
        raise Failed(_finding("bad_data", _file_with(str(error), files), message)) from None
    except RecursionError:
        raise Failed(_finding("bad_data", next(iter(files)), "the data is nested too deeply")) from None
    if errors := read.get("errors"):
        raise Failed(*(_said(str(error["message"]), files) for error in errors))
    document: dict[str, object] = read["result"][0]["expressions"][0]["value"]
    if taken := sorted(RESERVED & document.keys() - {"lib"}):
        file = _file_with(taken[0], files)
        raise Failed(_finding("reserved_data", file, f"data.{taken[0]} is the engine's"))
    return document


def placed_data(document: dict[str, object], layout: Layout, modules: Sequence[Module]) -> str:
    """The document at the version's place, as JSON text with sorted keys.

    Raises :class:`rego.findings.Failed` where data and rules or packages meet.
    """
    for module in modules:
        paths = [(module.package.static, module.package.elements[0].place)]
        for rule in module.rules:
            names = rule.reference.static
            paths.append(((*module.package.static, *names), rule.reference.elements[0].place))
        for number, (path, place) in enumerate(paths):
            if _stands_in_the_way(document, path, is_rule=number > 0):
                message = f"data.{'.'.join(path)} is a value of a data file too"
                hint = _HINTS["data_collision"]
                raise Failed(Finding(module.file, place.row, place.column, "data_collision", message, hint))
    inside = document
    for name in layout.entry:
        below = inside.get(name, {})
        inside = below if isinstance(below, dict) else {}
    if OTHERS in inside:
        message = f"data.{'.'.join(layout.entry)}.{OTHERS} is the engine's"
        raise Failed(_finding("reserved_data", FILE, message))
    return orjson.dumps(layout.placed(document), option=orjson.OPT_SORT_KEYS).decode()


def self_contained(schema: str) -> str:
    """A JSON schema without what would make a checker read other files or addresses.

    Raises :class:`rego.findings.Failed`.
    """
    try:
        document = orjson.loads(schema)
    except orjson.JSONDecodeError as error:
        raise Failed(_finding("bad_schema", SCHEMA, str(error))) from None
    stack = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            for name in ("$id", "id", "$schema"):
                if isinstance(node.get(name), str):
                    del node[name]
            reference = node.get("$ref", "#")
            if isinstance(reference, str) and not reference.startswith("#"):
                raise Failed(
                    _finding("bad_schema", SCHEMA, f"$ref {reference[:200]!r} leads out of the file")
                )
        stack.extend(_children(node))
    return orjson.dumps(document).decode()


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _stands_in_the_way(document: Mapping[str, object], path: Sequence[str], is_rule: bool) -> bool:
    node: object = document
    for name in path:
        if not isinstance(node, dict):
            return True
        if name not in node:
            return False
        node = node[name]
    return is_rule or not isinstance(node, dict)


class _Inexact(ValueError):
    """A number that other readers of the data would see as another one; the text is its beginning."""


def _file_with(text: str, files: Mapping[str, str]) -> str:
    """The file that holds a text, else the first one."""
    return next(
        (path for path, content in files.items() if text in path or text in content), next(iter(files))
    )


def _integer(text: str) -> int:
    number = int(text) if len(text) <= 20 else 1 << 64
    if not -(1 << 63) <= number < 1 << 64:
        raise _Inexact(text[:40])
    return number


def _number(text: str) -> float:
    number = float(text)
    if Decimal(text) != Decimal(repr(number)):
        raise _Inexact(text[:40])
    return number


def _said(message: str, files: Mapping[str, str]) -> Finding:
    path, _, said = message.removeprefix("files/").partition(": ")
    if path not in files:
        path, said = FILE, message
    rule = "data_collision" if "merge error" in said else "bad_data"
    return _finding(rule, path, said.replace("files/", ""))


def _finding(rule: str, path: str, message: str) -> Finding:
    return Finding(path, 0, 0, rule, message, _HINTS[rule])
