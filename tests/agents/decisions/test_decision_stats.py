"""Counting decisions: a function of a lane's events, whatever callers and policies name."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.apply.decision_stats import (
    FIGURES,
    LATENCY_BOUNDS_US,
    MAX_POINTS,
    MAX_VIOLATIONS,
    OTHER,
    Activation,
    DecisionStats,
    Group,
    compared,
    rule_of,
)
from projections.apply.happened import Happened
from tests.agents.commands import activate, confirm, create
from tests.agents.decisions.answers import AT, LANE, answer, decided
from tests.agents.decisions.events import History


def group(policy: str = "gate", width: str = "hour", at: datetime = AT, version: int = 1) -> Group:
    """Where decisions of this lane are counted."""
    start = at.replace(minute=0, second=0, hour=at.hour if width == "hour" else 0)
    assert width in ("hour", "day")
    return Group("acme", policy, width, start, version, *LANE)  # type: ignore[arg-type]


def counted(*events: Happened) -> DecisionStats:
    """What the tables hold after the events."""
    stats = DecisionStats()
    stats.add(events)
    return stats


def figures(stats: DecisionStats, where: Group, point: str = "") -> dict[str, int]:
    """A row's figures that are not zero."""
    values = stats.figures[where, point]
    return {name: value for name, value in zip(FIGURES, values, strict=True) if value}


def test_a_decision_is_counted_in_its_hour_and_its_day() -> None:
    later = AT + timedelta(seconds=1)
    stats = counted(decided(1), decided(2, at=later, outcome="deny", answer="deny"))
    assert figures(stats, group()) == {"allowed": 1, "said_allow": 1, "us_2000": 1}
    assert figures(stats, group(at=later)) == {"denied": 1, "said_deny": 1, "us_2000": 1}
    both = {"allowed": 1, "denied": 1, "said_allow": 1, "said_deny": 1, "us_2000": 2}
    assert figures(stats, group(width="day")) == both
    assert len(stats.figures) == 3


def test_what_an_advisory_policy_would_have_denied_is_told_apart_from_what_was_denied() -> None:
    stats = counted(decided(outcome="allow", answer="deny", reasons=["own_approval: nobody may"]))
    assert figures(stats, group()) == {"allowed": 1, "said_deny": 1, "us_2000": 1}
    assert stats.reasons[group(), "", "violation", "own_approval"] == 1


def test_a_decision_of_the_first_schema_version_counts_its_outcome_as_the_answer() -> None:
    stats = counted(decided(outcome="deny", answer=""))
    assert figures(stats, group()) == {"denied": 1, "said_deny": 1, "us_2000": 1}


def test_failures_are_counted_by_their_code_and_timeouts_apart() -> None:
    stats = counted(
        decided(1, answer(said="timeout", reasons=["deadline of 200 ms"])),
        decided(2, answer(said="undefined", outcome="allow")),
    )
    assert figures(stats, group()) == {"allowed": 1, "denied": 1, "failed": 2, "timed_out": 1, "us_2000": 2}
    reasons = {key[2:]: value for key, value in stats.reasons.items() if key[0].width == "hour"}
    assert reasons == {("error", "timeout"): 1, ("error", "undefined"): 1}


def test_a_decision_that_opa_was_not_asked_for_has_no_latency() -> None:
    stats = counted(decided(said=answer(said="suspended", duration_us=0)))
    assert figures(stats, group()) == {"denied": 1, "failed": 1}


@pytest.mark.parametrize("bound", LATENCY_BOUNDS_US)
def test_a_bound_belongs_to_the_bucket_that_it_names(bound: int) -> None:
    stats = counted(decided(1, duration_us=bound), decided(2, duration_us=bound + 1))
    found = [name for name in figures(stats, group()) if name.startswith("us_")]
    assert found[0] == f"us_{bound}"
    assert found[1] == FIGURES[FIGURES.index(f"us_{bound}") + 1]


def test_every_policy_of_a_decision_point_is_counted_and_the_decision_once() -> None:
    parts = [
        answer("first"),
        answer("second", said="deny", reasons=["risk: high", "risk: higher", "free text"]),
        answer("third", said="timeout", version=None),
    ]
    whole = answer("second", said="deny", reasons=["risk: high"])
    stats = counted(decided(1, whole, decision_point="gate", parts=parts))
    assert figures(stats, group("first"), "gate") == {"said_allow": 1, "us_2000": 1}
    assert figures(stats, group("second"), "gate") == {"denied": 1, "said_deny": 1, "us_2000": 1}
    assert figures(stats, group("third", version=0), "gate") == {"failed": 1, "timed_out": 1, "us_2000": 1}
    reasons = {key[2:]: value for key, value in stats.reasons.items() if key[0] == group("second")}
    assert reasons == {("violation", "risk"): 1, ("violation", "free text"): 1}


@pytest.mark.parametrize(
    ("violation", "name"),
    [
        ("own_approval: Nobody approves a change of their own", "own_approval"),
        ("A.9.2.1: " + "x" * 500, "A.9.2.1"),
        ("the model m-17 has no owner", "the model m-17 has no owner"),
        ("not a rule : text", "not a rule : text"),
        ("nul\x00 and\ntab", "nul andtab"),
        ("", ""),
    ],
)
def test_a_violation_is_counted_by_the_rule_that_it_names(violation: str, name: str) -> None:
    assert rule_of(violation) == name


def test_long_texts_that_begin_alike_are_told_apart() -> None:
    one, other = rule_of("x" * 400 + "1"), rule_of("x" * 400 + "2")
    assert one != other
    assert max(len(one), len(other)) < 140


def test_a_hostile_policy_cannot_grow_the_table() -> None:
    events = [decided(n, outcome="deny", answer="deny", reasons=[f"n {n}", f"m {n}"]) for n in range(2_000)]
    stats = counted(*events)
    hour = {key: value for key, value in stats.reasons.items() if key[0] == group()}
    assert len(hour) == MAX_VIOLATIONS + 1
    assert hour[group(), "", "violation", OTHER] == 2 * len(events) - MAX_VIOLATIONS
    assert (group(), "", "violation", "n 0") in hour


def test_a_hostile_caller_cannot_grow_the_table() -> None:
    events = [decided(n, decision_point=f"p {n}") for n in range(2_000)]
    stats = counted(*events, decided(decision_point="p 1"), decided(decision_point=OTHER))
    hour = {point: values[0] for (where, point), values in stats.figures.items() if where == group()}
    assert len(hour) == MAX_POINTS + 1
    assert (hour["p 0"], hour["p 1"], hour[OTHER]) == (1, 2, len(events) - MAX_POINTS + 1)


EVENTS = st.lists(
    st.builds(
        lambda n, minutes, tenant, point, said: (n, minutes, tenant, point, said),
        st.integers(0, 80),
        st.integers(0, 70),
        st.sampled_from(["acme", "beta"]),
        st.integers(0, 30),
        st.sampled_from(["allow", "deny", "deny", "timeout"]),
    ),
    max_size=120,
)


@given(EVENTS, st.lists(st.integers(1, 20), min_size=1))
def test_counts_do_not_depend_on_how_events_are_cut_into_batches(
    drawn: Sequence[tuple[int, int, str, int, str]], sizes: Sequence[int]
) -> None:
    events = [
        decided(
            sequence,
            answer(said=said, reasons=[f"r{n}: x", f"text {n}"]),
            at=AT + timedelta(minutes=minutes),
            tenant=tenant,
            decision_point=f"p {point}",
        )
        for sequence, (n, minutes, tenant, point, said) in enumerate(drawn)
    ]
    whole, pieces, rest = counted(*events), DecisionStats(), list(events)
    while rest:
        for size in sizes:
            pieces.add(rest[:size])
            rest = rest[size:]
    assert all(same for same, _ in compared(pieces, whole))


def test_an_activation_says_what_it_took_over_from() -> None:
    history = History()
    history.take(create(), activate(), confirm())
    stats = counted(*history.events)
    last = history.events[-1]
    policy = str(last.body["policy_id"])
    assert stats.activations == [
        Activation(last.tenant, policy, last.event_id, 1, None, last.occurred_at, last.topic, 2, 3)
    ]
