"""Following ``docs/adding-a-workflow-transition.md`` step by step gives a transition that works."""

from collections.abc import Mapping
from typing import Final, cast

import pytest

from agents.decisions import guards, transitions
from agents.decisions.transitions import Transition
from regulations import profiles
from tests.agents.decisions import test_guards
from tests.agents.decisions.test_guards import Case, found
from tests.agents.decisions.workflows import (
    ANNEX,
    Life,
    advance,
    assign,
    begun,
    exclude,
    include,
    library,
)
from tests.docs.documents import ROOT, blocks

PAGE: Final = ROOT / "docs" / "adding-a-workflow-transition.md"
GUARD, ENTRY, LABEL, ROW, CASES = blocks(PAGE, "python")
(LINE,) = blocks(PAGE, "text")


def entries(block: str, names: Mapping[str, object]) -> dict[str, object]:
    """The lines of a block as the entries of a dictionary."""
    return cast("dict[str, object]", eval(f"{{{block}}}", dict(names)))  # noqa: S307 - the page's own lines


def elements(block: str, names: Mapping[str, object]) -> tuple[object, ...]:
    """The lines of a block as the elements of a tuple."""
    return cast("tuple[object, ...]", eval(f"({block})", dict(names)))  # noqa: S307 - the page's own lines


def line(row: Transition) -> str:
    """A row as the diagram has it."""
    return f"{row.sources[0]} --> {row.target}: {row.name}" + ("" if row.available else " (later)")


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> Transition:
    """The page followed up to its second step."""
    names = dict(vars(guards))
    exec(GUARD, names)  # noqa: S102 - the page's own lines
    for name, guard in entries(ENTRY, names).items():
        monkeypatch.setitem(guards.GUARDS, name, guard)
    for name, label in entries(LABEL, names).items():
        monkeypatch.setitem(guards.LABELS, name, str(label))
    (made,) = elements(ROW, vars(transitions))
    assert isinstance(made, Transition)
    monkeypatch.setitem(transitions.TRANSITIONS, made.name, made)
    return made


@pytest.fixture
def life(row: Transition) -> Life:
    """A workflow in the state that the new transition leads from."""
    made = begun("scope")
    made.take(assign(owner="bob"), advance("start_readiness"))
    assert made.state is not None
    assert made.state.state in row.sources
    return made


def test_the_new_transition_is_taken(life: Life, row: Transition) -> None:
    state = life.take(include(), advance(row.name, "the scope was wrong"))
    assert (state.state, state.phase) == (row.target, transitions.PHASES[row.target])
    body = life.events[-1].body
    assert body["transition"] == row.name
    assert body["guards"] == [{"name": "no_exclusion_waits", "passed": True, "missing": []}]


def test_the_new_guard_stops_it_and_says_why(life: Life, row: Transition) -> None:
    life.take(exclude(ANNEX))
    refused = life.refused(advance(row.name))
    assert refused.reason == "guard_failed"
    assert [(finding.rule, finding.message) for finding in refused.findings] == [
        ("no_exclusion_waits", "A.2.2 waits for another person")
    ]


def test_from_elsewhere_it_is_not_allowed(row: Transition) -> None:
    assert begun().reason(advance(row.name)) == "transition_not_allowed"


def test_the_cases_of_the_page_pass_and_fail(row: Transition) -> None:
    passing, failing = cast("tuple[Case, Case]", elements(CASES, vars(test_guards)))
    (guard,) = row.guards
    assert passing.guard == failing.guard == guard
    assert found(passing, guard) == []
    (missing,) = found(failing, guard)
    assert missing.startswith(failing.words)


def test_the_line_of_the_page_is_that_of_the_new_row(row: Transition) -> None:
    assert LINE.strip() == line(row)


def test_the_diagram_shows_the_table() -> None:
    (diagram,) = blocks(PAGE, "mermaid")
    rows = [r for r in transitions.TRANSITIONS.values() if len(r.sources) == 1 and not r.steps]
    assert [each.strip() for each in diagram.splitlines()[1:]] == [line(each) for each in rows]


def test_the_page_names_every_transition_that_the_diagram_leaves_out() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for each in transitions.TRANSITIONS.values():
        assert f": {each.name}" in text or f"`{each.name}`" in text


def test_the_page_names_the_guards_of_offered_transitions_that_are_not_checked() -> None:
    text = PAGE.read_text(encoding="utf-8")
    offered = {each.name for each in transitions.TRANSITIONS.values() if each.available}
    added = {
        extra.guard
        for regulation in library().regulations.values()
        for extra in regulation.profile.guards
        if extra.transition in offered
    }
    assert added <= profiles.GUARDS.keys()
    unchecked = sorted(added - guards.GUARDS.keys())
    assert unchecked == ["risk_analysis_current", "systems_classified"]
    for name in unchecked:
        assert f"`{name}`" in text
