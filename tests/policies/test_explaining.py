"""What explains a decision: which rules fired, by rows of the author's source, and the result once more."""

from collections.abc import Mapping

import orjson
import pytest

from rego import CheckUnavailable
from rego.explaining import Explainer, Explanation, NotExplained
from rego.findings import Accepted
from rego.source import PolicySource
from rego.submission import Checker

KEY = ("acme", "0b0e0b5e-0000-5000-8000-000000000001", 3)
POLICY = """\
# a policy whose package is named once more
package acme.promotion

import data.lib.roles

default allow := false

allow if input.risk != "high"

allow if {
    input.risk == "high"
    score(input) >= data.acme.promotion.limit
}

score(x) := x.score if x.score

limit := 8

violations contains msg if {
    input.risk == "high"
    not input.report
    msg := "needs a report"
}

violations contains msg if {
    not input.by in roles.admins
    msg := "not an admin"
}
"""
ROLES = 'package lib.roles\n\nadmins contains name if some name in ["ann", "ben"]\n'


async def explained(
    opa_binary: str, document: Mapping[str, object], source: PolicySource | None = None
) -> Explanation:
    source = source or PolicySource(POLICY, (("lib/roles.rego", ROLES),))
    accepted = await Checker(opa_binary).check(*KEY, source)
    assert isinstance(accepted, Accepted), accepted
    return await Explainer(opa_binary).explain(KEY, source, accepted.loaded, orjson.dumps(document))


def fired(found: Explanation) -> list[tuple[str, int, str]]:
    return [(rule.file, rule.row, rule.name) for rule in found.rules if rule.fired]


async def test_the_rules_that_fired_are_named_by_file_and_row_of_the_authors_source(opa_binary: str) -> None:
    found = await explained(opa_binary, {"risk": "high", "score": 3, "by": "ann"})
    assert found.result == {"allow": False, "violations": ["needs a report"]}
    assert fired(found) == [
        ("policy.rego", 6, "allow"),
        ("policy.rego", 15, "score"),
        ("policy.rego", 17, "limit"),
        ("policy.rego", 19, "violations"),
        ("lib/roles.rego", 3, "admins"),
    ]
    values = {(rule.file, rule.name): rule.value for rule in found.rules}
    assert values["policy.rego", "violations"] == ["needs a report"]
    assert values["policy.rego", "allow"] is False
    assert values["lib/roles.rego", "admins"] == ["ann", "ben"]
    assert not found.converted


async def test_rules_that_did_not_fire_are_named_too(opa_binary: str) -> None:
    found = await explained(opa_binary, {"risk": "low", "by": "carl"})
    assert found.result == {"allow": True, "violations": ["not an admin"]}
    silent = [(rule.row, rule.name) for rule in found.rules if not rule.fired and rule.name != "score"]
    assert (10, "allow") in silent
    assert (19, "violations") in silent
    assert ("policy.rego", 8, "allow") in fired(found)
    assert ("policy.rego", 25, "violations") in fired(found)


async def test_an_undefined_decision_has_no_result_and_no_error(opa_binary: str) -> None:
    source = PolicySource('package p\n\ndecision := {"allow": true} if input.ok\n')
    found = await explained(opa_binary, {}, source)
    assert (found.result, found.error, fired(found)) == (None, "", [])


async def test_a_conflict_is_what_opa_reports(opa_binary: str) -> None:
    source = PolicySource("package p\n\nallow := true if input.a\n\nallow := false if input.b\n")
    found = await explained(opa_binary, {"a": True, "b": True}, source)
    assert found.result is None
    assert "conflict" in found.error


async def test_a_run_that_does_not_end_is_given_up(opa_binary: str) -> None:
    slow = "package p\n\nallow if count([1 | some a in input.n; some b in input.n; some c in input.n]) > 0\n"
    source = PolicySource(slow)
    with pytest.raises(NotExplained):
        await explained(opa_binary, {"n": list(range(3000))}, source)


async def test_without_an_opa_program_nothing_is_explained(opa_binary: str) -> None:
    accepted = await Checker(opa_binary).check(*KEY, PolicySource("package p\n\nallow := true\n"))
    assert isinstance(accepted, Accepted)
    with pytest.raises(CheckUnavailable):
        await Explainer("no-opa").explain(KEY, PolicySource("package p"), accepted.loaded, b"{}")
