"""CloudEvents headers: what is written is read back, and nothing else is."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import MAX_HEADER_BYTES, Envelope, envelope_of, headers_of, moment_of, timestamp
from schemas.errors import Unreadable

GOOD = Envelope(
    id="c-1",
    type="governance.policy.retire",
    source="svc",
    subject="policy/p",
    time="2026-01-01T00:00:00.000000Z",
    tenant="acme",
    actor="someone",
)
PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40)
NAME = PRINTABLE.filter(lambda text: "/" not in text)


@given(
    st.builds(
        Envelope,
        id=PRINTABLE,
        type=PRINTABLE,
        source=PRINTABLE,
        subject=PRINTABLE,
        time=PRINTABLE,
        tenant=NAME,
        actor=PRINTABLE,
        correlation=PRINTABLE,
        causation=PRINTABLE,
        command_id=PRINTABLE,
        command_source=PRINTABLE,
        sequence=st.none() | st.integers(0, 10**18 - 1),
        expected_version=st.none() | st.integers(0, 10**18 - 1),
        mac=st.just("") | st.just("ab" * 32),
        traceparent=st.just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    )
)
@settings(deadline=None)
def test_every_envelope_is_read_back_as_it_was_written(envelope: Envelope) -> None:
    assert envelope_of(headers_of(envelope)) == envelope


def test_headers_follow_the_cloudevents_binary_mode() -> None:
    headers = dict(headers_of(GOOD))
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_id"] == b"c-1"
    assert headers["content-type"] == b"application/avro"
    assert "ce_sequence" not in headers


def changed(name: str, value: bytes | None) -> list[tuple[str, bytes]]:
    kept = [header for header in headers_of(GOOD) if header[0] != name]
    return kept if value is None else [*kept, (name, value)]


@pytest.mark.parametrize("name", ["id", "type", "source", "tenantid", "actorid"])
@pytest.mark.parametrize(
    "value",
    [None, b"", b"\xff", b"a\x00b", b"a\nb", b"x" * 201, b"x" * (MAX_HEADER_BYTES + 1)],
    ids=["missing", "empty", "not UTF-8", "NUL", "newline", "long", "huge"],
)
def test_a_bad_attribute_is_unreadable(name: str, value: bytes | None) -> None:
    with pytest.raises(Unreadable) as caught:
        envelope_of(changed(f"ce_{name}", value))
    assert caught.value.reason == "bad_headers"
    assert f"ce_{name}" in caught.value.detail


@pytest.mark.parametrize("value", [None, b"", b"0.3", b"1.0 ", b"2.0"])
def test_another_spec_version_is_unreadable(value: bytes | None) -> None:
    with pytest.raises(Unreadable) as caught:
        envelope_of(changed("ce_specversion", value))
    assert caught.value.reason == "bad_specversion"


@pytest.mark.parametrize("name", ["ce_id", "ce_tenantid", "content-type"])
def test_a_header_that_stands_twice_is_unreadable(name: str) -> None:
    headers = [*headers_of(GOOD), (name, b"again")]
    with pytest.raises(Unreadable, match="twice"):
        envelope_of(headers)


def test_a_tenant_with_a_slash_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="tenantid"):
        envelope_of(changed("ce_tenantid", b"acme/other"))


@pytest.mark.parametrize("name", ["sequence", "expectedversion"])
@pytest.mark.parametrize("value", [b"", b"-1", b"1.5", b"1e3", b"x", b"\xd9\xa1", b"9" * 19, b" 1"])
def test_a_number_that_is_none_is_unreadable(name: str, value: bytes) -> None:
    with pytest.raises(Unreadable, match="no whole number"):
        envelope_of(changed(f"ce_{name}", value))


def test_headers_of_others_are_passed_over() -> None:
    assert envelope_of([*headers_of(GOOD), ("x-other", b"\xff"), ("b3", b"x" * 5000)]) == GOOD


@given(st.lists(st.tuples(st.sampled_from([*dict(headers_of(GOOD)), "ce_x", "y"]), st.binary(max_size=30))))
@settings(max_examples=500, deadline=None)
def test_whatever_the_headers_only_unreadable_comes_out(headers: list[tuple[str, bytes]]) -> None:
    for mixed in (headers, [*headers, *headers_of(GOOD)], [*headers_of(GOOD)[:4], *headers]):
        try:
            envelope_of(mixed)
        except Unreadable:
            continue


@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1)), st.integers(-14, 14))
def test_times_are_utc_and_sort_as_text(moment: datetime, hours: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert moment_of(timestamp(there)) == there
    later = there + timedelta(microseconds=1)
    assert timestamp(there) < timestamp(later)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z"]
)
def test_a_time_that_is_none_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable, match="bad_time"):
        moment_of(text)


def test_a_time_with_an_offset_is_read_as_utc() -> None:
    assert moment_of("2026-01-01T02:00:00+02:00") == datetime(2026, 1, 1, tzinfo=UTC)
