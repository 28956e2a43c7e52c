"""No deadline ends a call of some builtins: whichever way a module calls one, it is refused there."""

import re

import pytest

from rego.capabilities import uninterruptible
from rego.findings import Refused
from rego.source import PolicySource
from rego.submission import Checker
from tests.policies.modules import policy

WAYS = {
    "directly": "direct := NAME(input.a)",
    "in the place of a function": "f(y) := y\n\nx if f(input.a) with f as NAME",
    "in the place of an allowed builtin": "y if count(input.a) with count as NAME",
    "replaced by a function": "z if f(input.a) with NAME as f",
    "by a function of another name": "alias(y) := NAME(y)\n\naliased := alias(input.a)",
    "by such a function in the place of another": "other(y) := NAME(y)\n\nv if f(input.a) with f as other",
    "deep inside": "w := {k: v | some k; v := [u | u := input.a[_]; every t in u { NAME(t) }]}",
}
TEST = "acme/gate_test.rego"


def calling(name: str) -> str:
    """A module's rules, which call a builtin in every way."""
    return "\n\n".join(WAYS.values()).replace("NAME", name)


def places_of(text: str, name: str) -> list[tuple[int, int]]:
    """Row and column of each mention."""
    starts = [match.start() for match in re.finditer(re.escape(name), text)]
    return [(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)) for at in starts]


@pytest.mark.parametrize("name", sorted(uninterruptible()))
async def test_a_builtin_that_cannot_be_interrupted_is_refused_however_and_wherever_it_is_called(
    checker: Checker, name: str
) -> None:
    module = policy(calling(name))
    helper = f"package lib.helper\n\n{calling(name)}\n"
    test = f"package acme.gate_test\n\n{calling(name)}\n\ntest_x if x\n"
    for file, text, source in (
        ("policy.rego", module, PolicySource(module)),
        ("lib/helper.rego", helper, PolicySource(policy(), (("lib/helper.rego", helper),))),
        (TEST, test, PolicySource(policy(), ((TEST, test),))),
    ):
        result = await checker.check("acme", "p-1", 1, source)
        assert isinstance(result, Refused), file
        places = places_of(text, name)
        assert len(places) == len(WAYS)
        found = [(each.file, each.row, each.column) for each in result.findings]
        assert found == [(file, *place) for place in places]
        for finding in result.findings:
            assert finding.rule == "forbidden_builtin"
            assert name in finding.message
            assert "No deadline ends a call of it" in finding.hint


@pytest.mark.parametrize("way", WAYS)
async def test_each_way_is_refused_by_itself(checker: Checker, way: str) -> None:
    rules = WAYS[way].replace("NAME", "numbers.range")
    source = policy(rules if "f(y)" in rules else f"f(y) := y\n\n{rules}")
    result = await checker.check("acme", "p-1", 1, source)
    assert isinstance(result, Refused)
    assert [each.rule for each in result.findings] == ["forbidden_builtin"]
