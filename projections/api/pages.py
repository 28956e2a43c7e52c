"""Cursor pagination over (time, id), newest first, or over a number.

A cursor holds the place of the last row that was given and a digest of the filters, so that it is
refused with others. It is no secret and gives no right: whatever it says, row-level security decides
which rows are seen. Rows that arrive later are newer, so pages already given do not shift.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

import orjson

from projections.problems import Problem, invalid

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
"""Rows of one page at most; 200 summaries are about 120 KB."""

MAX_VERSIONS: Final = 50
"""Policy versions of one page at most: each may hold 128 KB of source, so 6.5 MB at worst."""

MAX_INPUTS: Final = 2_000
"""Recorded inputs of one page at most: about 1 MB, made in 20 ms."""

MAX_CURSOR_CHARS: Final = 600
"""Ours are shorter: digest, time and an id of at most 200 characters."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_US: Final = 253_402_300_800_000_000
"""Microseconds from 1970 to the year 10000."""

_MAX_NUMBER: Final = 2**31
"""No version and no place in a catalogue is above it."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in its list."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Found(Generic[Item]):
    """One page of rows, and the place to go on from when there are more."""

    items: Sequence[Item]
    rest: Place | None


def seal(place: Place, filters: Mapping[str, str]) -> str:
    """The cursor of a place in a filtered list."""
    microseconds = (place.at - _EPOCH) // timedelta(microseconds=1)
    return _packed([_digest(filters), microseconds, place.id])


def unseal(cursor: str, filters: Mapping[str, str]) -> Place:
    """The place of a cursor; raises the 422 problem for one that is not ours or has other filters."""
    try:
        digest, microseconds, last = _unpacked(cursor)
        if not (isinstance(microseconds, int) and isinstance(last, str) and "\x00" not in last):
            raise _bad_cursor()
        if not 0 <= microseconds < _MAX_US:
            raise _bad_cursor()
    except (ValueError, TypeError):
        raise _bad_cursor() from None
    if digest != _digest(filters):
        raise invalid("cursor", "belongs to a list with other filters")
    return Place(_EPOCH + timedelta(microseconds=microseconds), last)


def next_link(path: str, filters: Mapping[str, str], limit: int, rest: Place | None) -> str | None:
    """The path of the page that starts after ``rest``."""
    return link(path, filters, limit, None if rest is None else seal(rest, filters))


def seal_number(number: int, filters: Mapping[str, str]) -> str:
    """The cursor of a row that is ordered by a number."""
    return _packed([_digest(filters), number])


def unseal_number(cursor: str, filters: Mapping[str, str]) -> int:
    """The number of a cursor; raises the 422 problem as :func:`unseal` does."""
    try:
        digest, number = _unpacked(cursor)
        if not (isinstance(number, int) and 0 <= number < _MAX_NUMBER):
            raise _bad_cursor()
    except (ValueError, TypeError):
        raise _bad_cursor() from None
    if digest != _digest(filters):
        raise invalid("cursor", "belongs to a list with other filters")
    return number


def link(path: str, filters: Mapping[str, str], limit: int, cursor: str | None) -> str | None:
    """The path of the page that a cursor starts; None without one."""
    return None if cursor is None else f"{path}?{urlencode({**filters, 'limit': limit, 'cursor': cursor})}"


def _packed(content: list[object]) -> str:
    return urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")


def _unpacked(cursor: str) -> list[object]:
    found = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    if not isinstance(found, list):
        raise _bad_cursor()
    return found


def _digest(filters: Mapping[str, str]) -> str:
    return sha256(orjson.dumps(dict(filters), option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def _bad_cursor() -> Problem:
    return invalid("cursor", "is not one that this list gave")
