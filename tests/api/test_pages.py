"""Cursors: what was sealed comes back; nothing else is a cursor."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.api.pages import MAX_CURSOR_CHARS, Place, next_link, seal, unseal
from projections.problems import INVALID_PARAMETER, Problem

names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
filters = st.dictionaries(st.sampled_from(["actor", "from", "policy"]), names)
places = st.builds(
    Place,
    st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),
    st.uuids().map(str) | names,
)


@given(places, filters)
def test_a_sealed_place_comes_back(place: Place, wanted: dict[str, str]) -> None:
    cursor = seal(place, wanted)
    assert unseal(cursor, wanted) == place
    assert cursor.isascii()
    assert len(cursor) <= MAX_CURSOR_CHARS


@given(places, filters, filters)
def test_a_cursor_belongs_to_its_filters(place: Place, one: dict[str, str], other: dict[str, str]) -> None:
    cursor = seal(place, one)
    if one == other:
        assert unseal(cursor, other) == place
    else:
        with pytest.raises(Problem):
            unseal(cursor, other)


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_any_other_text_is_a_bad_parameter(text: str) -> None:
    with pytest.raises(Problem) as refused:
        unseal(text, {})
    assert refused.value.kind is INVALID_PARAMETER


@given(places, st.data())
def test_a_damaged_cursor_is_never_a_failure(place: Place, data: st.DataObject) -> None:
    cursor = seal(place, {})
    at = data.draw(st.integers(0, len(cursor) - 1))
    damaged = cursor[:at] + data.draw(st.characters(codec="ascii")) + cursor[at + 1 :]
    with suppress(Problem):
        assert isinstance(unseal(damaged, {}), Place)


def test_the_last_page_has_no_link() -> None:
    assert next_link("/p", {}, 5, None) is None
