"""Cursor pagination over (time, id), newest first.

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

MAX_CURSOR_CHARS: Final = 600
"""Ours are shorter: digest, time and an id of at most 200 characters."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_US: Final = 253_402_300_800_000_000
"""Microseconds from 1970 to the year 10000."""

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
    return urlsafe_b64encode(orjson.dumps([_digest(filters), microseconds, place.id])).decode().rstrip("=")


def unseal(cursor: str, filters: Mapping[str, str]) -> Place:
    """The place of a cursor; raises the 422 problem for one that is not ours or has other filters."""
    try:
        digest, microseconds, last = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
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
    if rest is None:
        return None
    return f"{path}?{urlencode({**filters, 'limit': limit, 'cursor': seal(rest, filters)})}"


def _digest(filters: Mapping[str, str]) -> str:
    return sha256(orjson.dumps(dict(filters), option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def _bad_cursor() -> Problem:
    return invalid("cursor", "is not one that this list gave")
