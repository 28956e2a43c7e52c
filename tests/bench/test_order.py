"""What the order check finds."""

from dataclasses import replace

import pytest

from bench.errors import NotVerified
from bench.order import Activation, check_order
from bench.stream import Decision

FIRST, SECOND = (Activation(f"a{number}", "acme", "gate", number) for number in (1, 2))
OTHER = Activation("b1", "other", "gate", 1)


def decision(number: int, version: int, at: float, partition: int = 0) -> Decision:
    return Decision(
        command_id=f"c{number}",
        tenant="acme",
        policy_id="gate",
        version=version,
        activation=f"a{version}",
        basis="policy",
        error="",
        result=b'{"allow":true,"says":%d}' % version,
        partition=partition,
        sequence=number,
        at=at,
    )


GOOD = [decision(1, 1, 1.0), decision(2, 1, 2.0), decision(3, 2, 3.0), decision(4, 2, 4.0, partition=1)]
DUE = {f"c{number}": number - 0.5 for number in range(1, 5)}


def check(*changed: Decision, due: dict[str, float] = DUE) -> int:
    found = {each.sequence: each for each in (*GOOD, *changed)}
    return check_order(due, [*found.values()], [FIRST, SECOND, OTHER])


def test_what_happened_in_order_passes() -> None:
    assert check() == 1


def test_a_command_without_a_decision_is_found() -> None:
    with pytest.raises(NotVerified, match="1 commands have no decision"):
        check(due={**DUE, "c9": 1.0})


def test_a_decision_made_twice_is_found() -> None:
    with pytest.raises(NotVerified, match="made twice"):
        check(replace(decision(5, 2, 5.0), command_id="c4"))


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"basis": "fail_mode", "error": "timeout"}, "rests on fail_mode: timeout"),
        ({"activation": "nowhere"}, "no activation that was heard"),
        ({"activation": "b1", "version": 1}, "activation of another policy"),
        ({"version": 1}, "another version than its activation"),
        ({"result": b'{"allow":true,"says":1}'}, "names version 2, its result says 1"),
        ({"result": None}, "names version 2, its result says None"),
    ],
)
def test_a_mixed_decision_is_found(changed: dict[str, object], complaint: str) -> None:
    with pytest.raises(NotVerified, match=complaint):
        check(replace(GOOD[2], **changed))  # type: ignore[arg-type]


def test_a_lane_that_goes_back_to_an_older_version_is_found() -> None:
    with pytest.raises(NotVerified, match="older activation than the one before it"):
        check(decision(5, 1, 2.5), due={**DUE, "c5": 0.5})


def test_another_lane_that_is_behind_what_was_heard_already_is_found() -> None:
    with pytest.raises(NotVerified, match="heard before it was asked"):
        check(decision(5, 1, 5.0, partition=2), due={**DUE, "c5": 3.5})


def test_a_command_that_was_under_way_may_still_see_the_older_version() -> None:
    assert check(decision(5, 1, 5.0, partition=2), due={**DUE, "c5": 2.9}) == 1
