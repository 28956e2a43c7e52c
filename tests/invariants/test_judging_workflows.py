"""The checker can fail on workflows: each kind of damage to what is stored, or to the events, is found."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from projections.invariants.evidence import Evidence, StoredEvent
from projections.invariants.replay import projections_equal_a_replay, versions_have_no_hole
from projections.invariants.workflows import workflow_document
from tests.agents.decisions.workflows import ANNEX, advance, begun, exclude, fire

LANE = ("governance.compliance.events.v1", 2)
Row = dict[str, Any]


def sound() -> Evidence:
    """A workflow that was driven to its collection; its period is over."""
    life = begun()
    life.take(exclude(ANNEX))
    life.take(exclude(ANNEX), actor="bob")
    state = life.take(advance("begin"), fire())
    events = [StoredEvent(event, b"") for event in life.events]
    document = deepcopy(dict(workflow_document(state)))
    return Evidence(events={LANE: events}, workflows={(state.tenant_id, state.workflow_id): document})


def broken(evidence: Evidence) -> set[int]:
    found = [versions_have_no_hole(evidence), projections_equal_a_replay(evidence)]
    return {invariant.number for invariant in found if not invariant.holds}


def test_sound_evidence_breaks_nothing() -> None:
    evidence = sound()
    assert broken(evidence) == set()
    assert versions_have_no_hole(evidence).compared == 1
    assert projections_equal_a_replay(evidence).compared == 1


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda row: row.update(version=99), {3, 5}),
        (lambda row: row.update(state="active", phase="completed"), {5}),
        (lambda row: row.update(satisfied=1, assessed=1), {5}),
        (lambda row: row.update(period_ended=False), {5}),
        (lambda row: row.update(applicable=70), {5}),
        (lambda row: row.update(regulation_version="sha256:0"), {5}),
        (lambda row: row["controls"][5].update(state="satisfied"), {5}),
        (lambda row: row["controls"][5].update(owner="eve"), {5}),
        (lambda row: row["controls"].pop(), {5}),
        (lambda row: row["controls"].append(row["controls"][0]), {5}),
        (lambda row: row["timers"][0].update(state="armed"), {5}),
        (lambda row: row["timers"][0].update(generation=2), {5}),
        (lambda row: row["timers"].clear(), {5}),
    ],
)
def test_a_changed_row_is_found(damage: Callable[[Row], None], expected: set[int]) -> None:
    evidence = sound()
    (row,) = evidence.workflows.values()
    assert isinstance(row, dict)
    damage(row)
    assert broken(evidence) == expected


def test_a_row_that_is_gone_is_found() -> None:
    evidence = sound()
    evidence.workflows = {}
    assert broken(evidence) == {3, 5}


def test_a_row_that_no_event_explains_is_found() -> None:
    evidence = sound()
    evidence.workflows = {**evidence.workflows, ("acme", "other"): {"timers": [{"name": "period_end"}]}}
    assert broken(evidence) == {5}


def test_an_event_that_is_gone_is_found() -> None:
    evidence = sound()
    evidence.events = {LANE: evidence.events[LANE][:-1]}
    assert broken(evidence) == {3, 5}
