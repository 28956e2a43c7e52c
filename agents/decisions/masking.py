"""What of an input is stored: all of it, all but its personal fields, or nothing but its digest.

Values are masked, or sealed under their subject's key, inside the text of the document: whatever is not
personal stays byte for byte as it was received, numbers that no float can hold included.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

MASK: Final = b'"***"'
"""What stands in place of a personal value, whatever its type."""

NOTHING: Final = b"{}"
"""The stored input where only its digest is kept."""

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')

Steps = tuple[str, ...]

Replacing = Callable[[int, bytes], bytes]
"""What stands in place of the n-th personal value (from 0), given as JSON."""


def masked(place: int, value: bytes) -> bytes:
    """The mask."""
    return MASK


@dataclass(frozen=True, slots=True)
class Stored:
    """An input as its event keeps it."""

    document: bytes
    masked: list[str]
    """The personal fields that it has, as its policies name them, in their order."""


def stored_input(
    document: bytes, personal: Sequence[str], storage: str, replacing: Replacing = masked
) -> Stored:
    """What is kept of a document. ``personal`` are JSON Pointers (RFC 6901), with ``*`` for every element.

    The document must be one JSON object (:func:`schemas.documents.check_document`).
    """
    if storage == "digest":
        return Stored(NOTHING, [])
    if not personal:
        return Stored(document, [])
    masking = _Masking(document, {pointer: _steps(pointer) for pointer in personal})
    masking.value(next(masking.tokens), list(masking.pointers))
    return masking.stored(replacing)


def _steps(pointer: str) -> Steps:
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


@dataclass(slots=True)
class _Masking:
    """One walk over the tokens of a document; ``wanted`` are the pointers that may still hit below."""

    document: bytes
    pointers: dict[str, Steps]
    spans: list[tuple[int, int]] = field(default_factory=list)
    hit: set[str] = field(default_factory=set)
    tokens: Iterator[re.Match[bytes]] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = _TOKEN.finditer(self.document)

    def value(self, first: re.Match[bytes], wanted: Sequence[str], depth: int = 0) -> int:
        """Walks over one value; returns where it ends."""
        mark = first[0]
        if mark == b"{":
            return self._members(wanted, depth)
        if mark == b"[":
            return self._elements(wanted, depth)
        return first.end()

    def stored(self, replacing: Replacing) -> Stored:
        """The document with its personal values replaced."""
        pieces, end = [], 0
        for place, (start, stop) in enumerate(self.spans):
            pieces += [self.document[end:start], replacing(place, self.document[start:stop])]
            end = stop
        hit = [pointer for pointer in self.pointers if pointer in self.hit]
        return Stored(b"".join((*pieces, self.document[end:])), hit)

    def _members(self, wanted: Sequence[str], depth: int) -> int:
        while (token := next(self.tokens))[0] != b"}":
            if token[0] == b",":
                continue
            name = json.loads(token[0]) if wanted else ""
            next(self.tokens)
            self._inner(next(self.tokens), name, wanted, depth)
        return token.end()

    def _elements(self, wanted: Sequence[str], depth: int) -> int:
        place = 0
        while (token := next(self.tokens))[0] != b"]":
            if token[0] == b",":
                place += 1
                continue
            self._inner(token, str(place), wanted, depth)
        return token.end()

    def _inner(self, first: re.Match[bytes], name: str, wanted: Sequence[str], depth: int) -> None:
        below = [pointer for pointer in wanted if self.pointers[pointer][depth] in (name, "*")]
        here = [pointer for pointer in below if len(self.pointers[pointer]) == depth + 1]
        end = self.value(first, () if here else below, depth + 1)
        if here:
            self.hit.update(here)
            self.spans.append((first.start(), end))
