"""What the workflow of each regulation calls its phases, and what it adds."""

import pytest

from regulations.loader import Library
from regulations.model import Span


@pytest.mark.parametrize(
    ("code", "readiness", "observing", "attesting"),
    [
        ("soc2", "Readiness assessment", "Type II window", "CPA opinion"),
        ("iso27001", "Internal audit", None, "Certificate"),
        ("hipaa", "Risk analysis", None, "Evaluation"),
        ("iso42001", "Gap analysis", None, "Certificate"),
        ("eu_ai_act", "Classification", "Real-world test", "Declaration of conformity"),
        ("fedramp", "Readiness report", "Baseline", "Authority to operate"),
    ],
)
def test_each_regulation_names_its_phases(
    library: Library, code: str, readiness: str, observing: str | None, attesting: str
) -> None:
    profile = library.regulations[code].profile
    assert (profile.readiness, profile.observing, profile.attesting) == (readiness, observing, attesting)


@pytest.mark.parametrize(
    ("code", "clock", "within"),
    [
        ("hipaa", "breach_notice", Span(60, "days")),
        ("hipaa", "retention", Span(6, "years")),
        ("eu_ai_act", "serious_incident", Span(15, "days")),
        ("eu_ai_act", "death", Span(10, "days")),
        ("eu_ai_act", "widespread_infringement", Span(2, "days")),
        ("eu_ai_act", "log_retention", Span(6, "months")),
        ("fedramp", "quarterly_report", Span(3, "months")),
        ("iso27001", "surveillance_audit", Span(12, "months")),
    ],
)
def test_legal_clocks_have_their_length(library: Library, code: str, clock: str, within: Span) -> None:
    assert {each.name: each.within for each in library.regulations[code].profile.clocks}[clock] == within


def test_a_type_two_window_takes_three_to_twelve_months(library: Library) -> None:
    period = library.regulations["soc2"].period
    assert (period.min_months, period.max_months, period.default_months) == (3, 12, 12)


def test_a_year_is_the_period_unless_another_is_asked_for(library: Library) -> None:
    assert {each.period.default_months for each in library.regulations.values()} == {12}


@pytest.mark.parametrize(
    ("code", "guard"),
    [
        ("soc2", "evidence_effective_in_window"),
        ("iso27001", "annex_a_all_decided"),
        ("iso27001", "no_major_nonconformity"),
        ("hipaa", "addressables_decided"),
        ("iso42001", "impact_assessed_per_system"),
        ("eu_ai_act", "systems_classified"),
        ("eu_ai_act", "fundamental_rights_assessed"),
        ("fedramp", "assessor_independent"),
    ],
)
def test_each_regulation_adds_its_own_guards(library: Library, code: str, guard: str) -> None:
    assert guard in {each.guard for each in library.regulations[code].profile.guards}
