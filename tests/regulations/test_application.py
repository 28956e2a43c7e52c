"""Duties have dates: by law, by class of system and by the day it came to the market."""

from datetime import date

import pytest

from regulations.application import applies_from, law_at
from regulations.loader import Library
from tests.regulations.folders import small

OLD, NEW = "2024/1689", "2026/1744"


@pytest.mark.parametrize(
    ("day", "version"),
    [
        ("2024-07-31", None),
        ("2024-08-01", OLD),
        ("2026-07-26", OLD),
        ("2026-07-27", NEW),
        ("2030-01-01", NEW),
    ],
)
def test_a_law_is_in_force_from_its_first_day_to_the_next(
    library: Library, day: str, version: str | None
) -> None:
    law = law_at(library.regulations["eu_ai_act"], date.fromisoformat(day))
    assert (law.version if law else None) == version


@pytest.mark.parametrize(
    ("control", "law", "classes", "placed", "since"),
    [
        ("Art. 9", OLD, {"annex_iii"}, None, "2026-08-02"),
        ("Art. 9", NEW, {"annex_iii"}, None, "2027-12-02"),
        ("Art. 9", NEW, {"annex_i"}, None, "2028-08-02"),
        ("Art. 9", NEW, {"annex_i", "annex_iii"}, None, "2027-12-02"),
        ("Art. 9(2)(a)", NEW, {"annex_iii"}, None, "2027-12-02"),
        ("Art. 27", NEW, {"annex_iii"}, None, "2027-12-02"),
        ("Art. 5", NEW, set(), None, "2025-02-02"),
        ("Art. 5(1)(a)", NEW, set(), None, "2025-02-02"),
        ("Art. 5(1)(ba)", NEW, set(), None, "2026-12-02"),
        ("Art. 5(1)(bb)", NEW, set(), None, "2026-12-02"),
        ("Art. 6(1)", OLD, set(), None, "2027-08-02"),
        ("Art. 6(1)", NEW, set(), None, "2028-08-02"),
        ("Art. 50(2)", NEW, {"transparency"}, "2026-08-01", "2026-12-02"),
        ("Art. 50(2)", NEW, {"transparency"}, "2026-08-02", "2026-08-02"),
        ("Art. 50(1)", NEW, {"transparency"}, "2026-08-01", "2026-08-02"),
        ("Art. 53", NEW, {"gpai"}, "2025-08-01", "2027-08-02"),
        ("Art. 53(1)(a)", NEW, {"gpai"}, "2025-08-02", "2025-08-02"),
        ("Art. 43", NEW, {"annex_i"}, None, "2026-08-02"),
        ("Annex VIII", NEW, {"annex_iii"}, None, "2026-08-02"),
        ("Art. 4a", OLD, set(), None, None),
        ("Art. 4a", NEW, set(), None, "2026-07-27"),
    ],
)
def test_the_ai_act_applies_from_the_day_that_its_text_gives(
    library: Library, control: str, law: str, classes: set[str], placed: str | None, since: str | None
) -> None:
    on_market = date.fromisoformat(placed) if placed else None
    found = applies_from(library.regulations["eu_ai_act"], control, law, classes, on_market)
    assert found == (date.fromisoformat(since) if since else None)


def test_every_row_of_the_ai_act_has_a_date_under_the_law_in_force(library: Library) -> None:
    act = library.regulations["eu_ai_act"]
    classes = act.selectors["class"].values
    assert [row.id for row in act.rows if applies_from(act, row.id, NEW, classes) is None] == []


def test_a_control_without_dates_has_none() -> None:
    assert applies_from(small(), "D", "one", {"high"}) is None


def test_an_unknown_control_is_an_error() -> None:
    with pytest.raises(KeyError):
        applies_from(small(), "Z", "one", {"high"})
