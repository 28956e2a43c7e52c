"""Each guard passes alone and fails alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from agents.decisions.guards import GUARDS
from projections.apply.workflow_state import WorkflowState
from regulations.model import Regulation
from tests.agents.decisions.workflows import (
    ANNEX,
    CLAUSE,
    advance,
    assign,
    begun,
    exclude,
    include,
    regulation,
    with_control,
)

Change = Callable[[WorkflowState], WorkflowState]


def complete(code: str = "iso42001") -> WorkflowState:
    """A workflow in which no guard misses anything."""
    life = begun(code=code)
    return life.take(assign(owner="bob", assessor="eve"), include())


@dataclass(frozen=True)
class Case:
    """What one guard must say of a changed workflow: the words that are in its finding."""

    guard: str
    change: Change
    words: str
    code: str = "iso42001"
    loaded: Callable[[Regulation], Regulation | None] = lambda loaded: loaded


FAILING = [
    Case("G1", lambda w: replace(w, boundary="  "), "boundary"),
    Case("G1", lambda w: replace(w, owner=" "), "owner"),
    Case("G1", lambda w: replace(w, period_end=w.period_start), "a period that ends"),
    Case("G1", lambda w: replace(w, controls=w.controls[1:]), "the controls that the catalogue has"),
    Case("G1", lambda w: replace(w, controls=w.controls[::-1]), "the controls that the catalogue has"),
    Case("G1", lambda w: replace(w, choices={"colour": ("red",)}), "the controls that the catalogue has"),
    Case("G1", lambda w: replace(w, regulation_version="sha256:0"), "catalogue_changed"),
    Case("G1", lambda w: w, "catalogue_changed: loaded is none", loaded=lambda _: None),
    Case("G2", lambda w: with_control(w, CLAUSE, owner=None), "4.1 has no owner"),
    Case("G2", lambda w: with_control(w, CLAUSE, owner="eve"), "4.1 is assessed by its owner"),
    Case(
        "G2",
        lambda w: with_control(w, ANNEX, owner=None, applicability="exclusion_requested"),
        "A.2.2 has no",
    ),
    Case("G3", lambda w: with_control(w, CLAUSE, applicability="undecided"), "4.1 is undecided"),
    Case(
        "G3", lambda w: with_control(w, ANNEX, applicability="exclusion_requested"), "A.2.2 waits for another"
    ),
    Case(
        "annex_a_all_decided",
        lambda w: with_control(w, ANNEX, reason=" "),
        "A.2.2 is decided without a reason",
    ),
    Case(
        "annex_a_all_decided",
        lambda w: with_control(w, ANNEX, applicability="undecided"),
        "A.2.2 is not decided",
    ),
    Case(
        "annex_a_all_decided",
        lambda w: with_control(w, ANNEX, applicability="exclusion_requested"),
        "A.2.2 is not decided",
    ),
    Case(
        "addressables_decided",
        lambda w: with_control(w, "164.308(a)(3)(ii)(A)", applicability="undecided"),
        "164.308(a)(3)(ii)(A) is not decided",
        code="hipaa",
    ),
]

PASSING = [
    Case("G1", lambda w: w, ""),
    Case("G2", lambda w: w, ""),
    Case("G2", lambda w: with_control(w, CLAUSE, assessor=None), ""),
    Case("G2", lambda w: with_control(w, ANNEX, owner=None, applicability="excluded"), ""),
    Case("G3", lambda w: w, ""),
    Case("G3", lambda w: with_control(w, ANNEX, applicability="excluded"), ""),
    Case("annex_a_all_decided", lambda w: w, ""),
    Case("annex_a_all_decided", lambda w: with_control(w, CLAUSE, reason="", applicability="undecided"), ""),
    Case("addressables_decided", lambda w: w, "", code="hipaa"),
    Case(
        "addressables_decided",
        lambda w: with_control(w, "164.308(a)(1)(i)", applicability="undecided"),
        "",
        "hipaa",
    ),
]


def named(case: Case) -> str:
    return f"{case.guard}: {case.words}"


def found(case: Case, guard: str) -> list[str]:
    state = case.change(complete(case.code))
    return list(GUARDS[guard](state, case.loaded(regulation(case.code))))


@pytest.mark.parametrize("case", FAILING, ids=named)
def test_a_guard_says_the_one_thing_that_is_missing(case: Case) -> None:
    (missing,) = found(case, case.guard)
    assert missing.startswith(case.words)


@pytest.mark.parametrize("case", PASSING, ids=named)
def test_a_guard_that_misses_nothing_passes(case: Case) -> None:
    assert found(case, case.guard) == []


ALONE = [case for case in FAILING if case.guard in {"G1", "G2", "G3"} and "A.2.2 has no" not in case.words]
"""Cases that are about one guard; an exclusion that waits is about two."""


@pytest.mark.parametrize("case", ALONE, ids=named)
def test_a_guard_fails_alone(case: Case) -> None:
    others = {"G1", "G2", "G3"} - {case.guard}
    assert {guard: found(case, guard) for guard in others} == {guard: [] for guard in others}


def test_every_guard_has_a_passing_and_a_failing_case() -> None:
    assert {case.guard for case in FAILING} == {case.guard for case in PASSING} == set(GUARDS)


@pytest.mark.parametrize(
    ("transition", "guard", "spoil"),
    [
        ("scope", "G1", lambda w: replace(w, boundary=" ")),
        ("start_readiness", "G2", lambda w: with_control(w, CLAUSE, owner="eve")),
        ("open_collection", "G3", lambda w: with_control(w, CLAUSE, applicability="undecided")),
    ],
)
def test_a_transition_is_refused_with_its_guard_and_a_finding_each(
    transition: str, guard: str, spoil: Change
) -> None:
    life = begun()
    life.take(assign(owner="bob", assessor="eve"), include())
    for step in ("scope", "start_readiness", "open_collection"):
        if step == transition:
            break
        life.take(advance(step))
    assert life.state is not None
    life.state = spoil(life.state)
    refused = life.refused(advance(transition))
    assert refused.reason == "guard_failed"
    assert [finding.rule for finding in refused.findings] == [guard]
    assert guard in refused.detail


def test_a_rejection_names_every_control_that_lacks_something() -> None:
    life = begun("scope")
    refused = life.refused(advance("start_readiness"))
    assert len(refused.findings) == 70
    assert "and 67 more" in refused.detail


def test_exclusions_that_wait_hold_the_collection_up() -> None:
    life = begun("scope")
    life.take(assign(owner="bob"), advance("start_readiness"), exclude(ANNEX), include())
    assert life.reason(advance("open_collection")) == "guard_failed"
    life.take(exclude(ANNEX), actor="dan")
    state = life.take(advance("open_collection"))
    assert (state.applicable, state.excluded) == (69, 1)
