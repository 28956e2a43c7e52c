"""Folding workflow events: what is out of place is refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest

from projections.apply.workflow import WORKFLOW_EVENTS, evolve
from schemas.topics import topics
from tests.agents.decisions.workflows import begun, happened


def test_nothing_happens_to_a_workflow_before_it_is_created() -> None:
    life = begun("begin")
    for event in life.events[1:]:
        with pytest.raises(ValueError, match="before the workflow was created"):
            evolve(None, event)


def test_a_workflow_is_created_once() -> None:
    life = begun()
    with pytest.raises(ValueError, match="created before"):
        evolve(life.state, life.events[0])


def test_other_events_are_no_workflow_events() -> None:
    life = begun()
    body = {"workflow_id": "w"}
    with pytest.raises(ValueError, match="no workflow event"):
        evolve(life.state, happened("governance.compliance.lane_republished", 2, body, "ann", "lane/x"))


def test_every_event_of_the_family_is_folded() -> None:
    said = {
        name for name in topics().events("compliance").messages if ".workflow." in name or ".timer." in name
    }
    assert said == WORKFLOW_EVENTS


def test_each_event_leaves_its_mark_on_the_workflow() -> None:
    life = begun("begin")
    state, last = life.state, life.events[-1]
    assert state is not None
    assert (state.last_event, state.lane_seq, state.updated_at) == (last.event_id, 6, last.occurred_at)
    assert (state.created_at, state.created_by) == (life.events[0].occurred_at, "ann")
    assert (state.topic, state.partition) == ("governance.compliance.events.v1", 2)


def test_a_control_that_is_undecided_waits_for_no_evidence() -> None:
    life = begun("begin")
    opened = next(e for e in life.events if e.body.get("new_status") == "collecting")
    state = evolve(evolve(None, life.events[0]), opened)
    assert {control.state for control in state.controls} == {"not_assessed"}


def test_only_the_end_of_the_period_ends_it() -> None:
    life = begun()
    created = life.events[0]
    (period_end,) = cast("list[Mapping[str, object]]", created.body["timers"])
    other = {**period_end, "name": "surveillance_audit"}
    state = evolve(None, replace(created, body={**created.body, "timers": [other, period_end]}))
    fired = happened(
        "governance.compliance.timer.fired",
        2,
        {"workflow_id": state.workflow_id, **other},
        "engine",
        state.subject,
    )
    after = evolve(state, fired)
    assert not after.period_ended
    assert [(t.name, t.state) for t in after.timers] == [
        ("period_end", "armed"),
        ("surveillance_audit", "fired"),
    ]
