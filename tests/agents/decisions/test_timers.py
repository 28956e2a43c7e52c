"""Timers: decided as at the moment they were due, once, and only while they are armed."""

import pytest

from tests.agents.decisions.workflows import Life, begun, cancel, create, fire


def test_the_end_of_the_period_is_known_once_its_timer_has_fired() -> None:
    life = begun("begin")
    state = life.take(fire(), actor="aumos-background")
    assert state.period_ended
    assert state.state == "collecting"
    assert [timer.state for timer in state.timers] == ["fired"]
    assert life.events[-1].body["due_at"] == "2027-09-01T00:00:00.000000Z"


def test_a_timer_fires_once() -> None:
    life = begun()
    life.take(fire())
    assert life.reason(fire()) == "obsolete_timer"


@pytest.mark.parametrize(
    "command",
    [fire(2), fire(name="surveillance"), fire(due_at="2027-09-01T00:00:01Z")],
    ids=["another generation", "no such timer", "another moment"],
)
def test_only_the_armed_timer_fires(command: object) -> None:
    assert begun().reason(command) == "obsolete_timer"  # type: ignore[arg-type]


def test_the_same_moment_in_other_words_is_the_same_moment() -> None:
    assert begun().take(fire(due_at="2027-09-01T02:00:00+02:00")).period_ended


def test_cancelling_disarms_and_a_late_timer_is_obsolete() -> None:
    life = begun()
    state = life.take(cancel())
    assert [timer.state for timer in state.timers] == ["disarmed"]
    assert life.events[-1].body["disarmed"] == ["period_end"]
    assert life.reason(fire()) == "obsolete_timer"
    assert not state.period_ended


def test_cancelling_after_the_end_of_the_period_disarms_nothing() -> None:
    life = begun()
    life.take(fire())
    state = life.take(cancel())
    assert life.events[-1].body["disarmed"] == []
    assert [timer.state for timer in state.timers] == ["fired"]


def test_a_period_that_was_over_at_its_creation_has_a_timer_that_is_due() -> None:
    life = Life()
    state = life.take(create(period_start="2024-01-01"))
    assert state.timers[0].due_at.isoformat() == "2025-01-01T00:00:00+00:00"
    assert life.take(fire(due_at="2025-01-01T00:00:00Z")).period_ended
