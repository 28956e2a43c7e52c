"""JSON documents from outside, read strictly (RFC 8259) and within bounds."""

import json
import re
from typing import Final, NoReturn

import orjson

from schemas.errors import Unreadable

MAX_INPUT_BYTES: Final = 262_144
"""Bound of a policy's input document; an event holds it beside the result and stays under 1 MiB."""

MAX_INPUT_DEPTH: Final = 64
"""Nesting bound of an input document: deep enough for real ones, shallow for every parser."""

_SPACED_COLON: Final = re.compile(rb"\s:")
_OPENING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def check_document(data: bytes, max_depth: int = MAX_INPUT_DEPTH) -> None:
    """Accepts exactly one JSON object without doubled keys, NaN, bad UTF-8 or NUL characters.

    Raises :class:`Unreadable` (``bad_json``).
    """
    parse_document(data, max_depth)


def parse_document(data: bytes, max_depth: int) -> dict[str, object]:
    """The object of a JSON text; raises :class:`Unreadable` (``bad_json``) as above."""
    openings = data.count(b"{") + data.count(b"[")
    if openings > max_depth and depth_of(data) > max_depth:
        raise Unreadable("bad_json", f"nested deeper than {max_depth}")
    try:
        quick = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unreadable("bad_json", str(error)[:200]) from None
    if not isinstance(quick, dict):
        raise Unreadable("bad_json", "not a JSON object")
    if b"\\u0000" in data:
        raise Unreadable("bad_json", "contains a NUL character")
    if data.count(b'":') != _keys(quick) or _SPACED_COLON.search(data):
        _refuse_doubled_keys(data)
    return quick


def depth_of(data: bytes) -> int:
    """The deepest nesting of arrays and objects outside strings; an upper bound for malformed text."""
    deepest = depth = 0
    for match in _OPENING.finditer(data):
        mark = match[0][0]
        if mark in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in b"]}":
            depth -= 1
    return deepest


def _keys(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_keys(item) for item in value.values())
    if isinstance(value, list):
        return sum(_keys(item) for item in value)
    return 0


def _refuse_doubled_keys(data: bytes) -> None:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = {name for name, _ in pairs}
        if len(names) != len(pairs):
            raise Unreadable("bad_json", "an object has the same key twice")
        return dict(pairs)

    json.loads(data, object_pairs_hook=unique, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise Unreadable("bad_json", f"{name} is no JSON number")
