"""How long the log is kept: what the regulations ask for, the longest of all. Pure.

Their periods begin with what each regulation names; here they count from an entry's own time. Which of them
applies to an installation is not known here, so all do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from audit_sink.retention.rules import Refused
from regulations.model import Regulation, Span

_MONTH_DAYS: Final = 31
_LEAP_YEARS: Final = 4


@dataclass(frozen=True, slots=True)
class Period:
    """Days, and where they come from, for people."""

    days: int
    source: str


def legal_period(regulations: Iterable[Regulation]) -> Period:
    """The longest retention period of the regulations."""
    asked = [
        Period(days_of(clock.within), f"{each.name}: {clock.note}")
        for each in regulations
        for clock in each.profile.clocks
        if clock.retention
    ]
    return max(asked, key=lambda period: period.days, default=Period(0, "no regulation asks for one"))


def ruling(legal: Period, asked: Sequence[int], authority: str) -> Period:
    """The longest period of all. With an authority, the longest that is asked for, however short.

    Raises :class:`~audit_sink.retention.rules.Refused` for a shorter one without.
    """
    if not asked:
        return legal
    longest = max(asked)
    if longest >= legal.days:
        return Period(longest, "--days")
    if not authority:
        raise Refused(
            f"{longest} days are less than {legal.days} ({legal.source}); name an --authority for it"
        )
    return Period(longest, f"--days, on the authority of {authority!r}")


def days_of(span: Span) -> int:
    """The most days that a span can have."""
    match span.unit:
        case "hours":
            return -(-span.count // 24)
        case "days":
            return span.count
        case "months":
            return span.count * _MONTH_DAYS
        case "years":
            return span.count * 365 + -(-span.count // _LEAP_YEARS)
