"""Positions in a source, and edits that keep findings pointing at the author's own text."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rego.syntax import Element, Place

_BEFORE_BRACKET: Final = re.compile(rb"(?:[ \t\r\n]|#[^\n]*\n)*\]")


class Unlocatable(Exception):
    """The source does not hold at a place what the tree says; such a module is not rewritten."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces the bytes ``start`` to ``end`` of the source."""

    start: int
    end: int
    text: bytes


class Source:
    """A source text; rows are ended by line feeds alone, as OPA's scanner counts them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.starts: Final = [0, *(match.end() for match in re.finditer(rb"\n", data))]

    def offset(self, place: Place) -> int:
        """The byte at which a place begins; raises :class:`Unlocatable`."""
        if not 1 <= place.row <= len(self.starts):
            raise Unlocatable(f"no row {place.row}")
        start = self.starts[place.row - 1]
        before = self.data[start:].split(b"\n", 1)[0].decode()[: place.column - 1]
        found = start + len(before.encode())
        if not place.text or not self.data.startswith(place.text, found):
            raise Unlocatable(f"row {place.row}, column {place.column} holds something else")
        return found

    def end(self, element: Element) -> int:
        """The byte after an element, its closing bracket included; raises :class:`Unlocatable`."""
        after = self.offset(element.place) + len(element.place.text)
        if element.place.text[:1] not in (b'"', b"`"):
            return after
        bracket = _BEFORE_BRACKET.match(self.data, after)
        if bracket is None:
            raise Unlocatable(f"row {element.place.row}: no closing bracket")
        return bracket.end()

    def row_and_column(self, offset: int) -> tuple[int, int]:
        """The place of a byte."""
        row = bisect_right(self.starts, offset)
        return row, len(self.data[self.starts[row - 1] : offset].decode(errors="replace")) + 1


class Edited:
    """A source with edits applied, and the way back."""

    def __init__(self, source: Source, edits: Sequence[Edit]) -> None:
        self._source = source
        self._edits = sorted(edits, key=lambda edit: edit.start)
        parts: list[bytes] = []
        done = 0
        for edit in self._edits:
            if edit.start < done:
                raise Unlocatable("edits overlap")
            parts += [source.data[done : edit.start], edit.text]
            done = edit.end
        self.source = Source(b"".join([*parts, source.data[done:]]))

    def original(self, row: int, column: int) -> tuple[int, int]:
        """The place in the original of a place in the result; (0, 0) for one that has none.

        What stands inside a replacement, or was appended, is at the beginning of what it replaced.
        """
        starts = self.source.starts
        if not 1 <= row <= len(starts):
            return (0, 0)
        line = self.source.data[starts[row - 1] :].split(b"\n", 1)[0].decode(errors="replace")
        offset = starts[row - 1] + len(line[: max(column - 1, 0)].encode())
        shift = 0
        for edit in self._edits:
            begin = edit.start + shift
            if offset < begin:
                break
            if offset < begin + len(edit.text):
                return self._source.row_and_column(edit.start)
            shift += len(edit.text) - (edit.end - edit.start)
        return self._source.row_and_column(min(offset - shift, len(self._source.data)))
