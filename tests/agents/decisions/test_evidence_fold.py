"""Folding evidence events: what was decided, replayed, is the same state, and counters follow it."""

from collections import Counter
from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decisions.evidence import EvidenceCommand
from agents.decisions.outcome import Rejection
from projections.apply.evidence import (
    EVIDENCE_EVENTS,
    CounterKey,
    EvidenceState,
    counted,
    evolve,
    moved_counters,
)
from tests.agents.commands import TENANT
from tests.agents.submissions import Life, link, quarantined, refs, submit, verified

LANE = ("governance.evidence.events.v1", 3)
COMMANDS: st.SearchStrategy[EvidenceCommand] = st.sampled_from(
    [
        submit(),
        submit(controls=refs(("soc2", "CC1.1"), ("iso42001", "4.1"))),
        link(("soc2", "CC1.1")),
        link(("iso42001", "4.1"), ("iso42001", "4.2"), technical=["TC-001"]),
        link(technical=["TC-010"]),
        verified(),
        quarantined(),
    ]
)


def names(state: EvidenceState | None) -> set[str]:
    """Names of the counters that it stands in."""
    assert {(key[0], key[2:]) for key in counted(state)} <= {(TENANT, LANE)}
    return {key[1] for key in counted(state)}


@given(st.lists(COMMANDS, max_size=10))
def test_every_history_replays_and_the_moves_of_counters_add_up(commands: list[EvidenceCommand]) -> None:
    life = Life()
    for command in commands:
        if not isinstance(life.decide(command), Rejection):
            life.take(command)
    start: EvidenceState | None = None
    assert reduce(evolve, life.events, start) == life.state
    totals: Counter[CounterKey] = Counter()
    state: EvidenceState | None = None
    for number, event in enumerate(life.events, start=1):
        before, state = state, evolve(state, event)
        assert (state.version, state.last_event, state.lane_seq) == (number, event.event_id, number)
        moves = moved_counters(before, state)
        assert 0 not in moves.values(), "what stays is not written"
        totals.update(moves)
    assert {key: value for key, value in totals.items() if value} == dict.fromkeys(counted(life.state), 1)


def test_evidence_counts_once_by_state_and_once_per_linked_regulation() -> None:
    life = Life()
    assert names(None) == set()
    assert names(life.take(submit())) == {"evidence/collected"}
    state = life.take(link(("soc2", "CC1.1"), ("iso42001", "4.1"), ("iso42001", "4.2"), technical=["TC-001"]))
    assert names(state) == {"evidence/collected", "evidence/soc2/collected", "evidence/iso42001/collected"}
    assert names(life.take(verified())) == {
        "evidence/verified",
        "evidence/soc2/verified",
        "evidence/iso42001/verified",
    }


def test_an_event_out_of_place_is_an_error() -> None:
    life = Life()
    life.take(submit(), verified())
    submitted, last = life.events
    with pytest.raises(ValueError, match="submitted before"):
        evolve(life.state, submitted)
    with pytest.raises(ValueError, match="before the evidence was submitted"):
        evolve(None, last)
    stranger = replace(last, type="governance.policy.created")
    with pytest.raises(ValueError, match="no evidence event"):
        evolve(life.state, stranger)


def test_the_fold_knows_every_event_of_the_family() -> None:
    life, other = Life(), Life()
    life.take(submit(), link(("soc2", "CC1.1")), verified())
    other.take(submit(), quarantined())
    assert {event.type for event in (*life.events, *other.events)} == EVIDENCE_EVENTS
