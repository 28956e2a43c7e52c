"""The longest retention period of the regulations rules; only an authority shortens it."""

import pytest

from audit_sink.retention.periods import Period, days_of, legal_period, ruling
from audit_sink.retention.rules import Refused
from regulations.loader import load_library
from regulations.model import Span

LEGAL = Period(3653, "a law")


def test_the_ai_acts_ten_years_are_the_longest_of_the_regulations() -> None:
    regulations = load_library().regulations
    assert legal_period(regulations.values()) == Period(3653, "EU AI Act: Art. 18(1)")
    health = legal_period([regulations["hipaa"]])
    assert (health.days, "164.316(b)(2)(i)" in health.source) == (2192, True)
    assert legal_period([regulations["soc2"]]).days == 0


@pytest.mark.parametrize(
    ("span", "days"),
    [
        (Span(10, "years"), 3653),
        (Span(6, "years"), 2192),
        (Span(1, "years"), 366),
        (Span(6, "months"), 186),
        (Span(60, "days"), 60),
        (Span(72, "hours"), 3),
        (Span(25, "hours"), 2),
    ],
)
def test_a_span_has_the_most_days_that_it_can_have(span: Span, days: int) -> None:
    assert days_of(span) == days


def test_a_period_is_lengthened_by_anybody_and_shortened_with_an_authority() -> None:
    assert ruling(LEGAL, [], "") == LEGAL
    assert ruling(LEGAL, [10, 4000], "").days == 4000
    assert ruling(LEGAL, [3653], "").days == 3653
    with pytest.raises(Refused, match=r"less than 3653 \(a law\)"):
        ruling(LEGAL, [10, 3652], "")
    short = ruling(LEGAL, [10, 30], "court order 9")
    assert (short.days, "court order 9" in short.source) == (30, True)
