"""What a policy consists of, as OPA parses it."""

from rego.binary import BinaryLimits
from rego.opa import Opa
from rego.outline import outline
from rego.source import PolicySource

ENTRY = """\
package gate

import data.gate.scores

default allow := false

allow if scores.good(input.score)

allow if count(input.approvals) > 1

violations contains sprintf("%v", [input.score]) if not allow
"""
SCORES = "package gate.scores\n\ngood(score) if round(score) > 0\n"


async def test_rules_of_all_modules_stand_once_and_only_what_is_no_rule_is_a_builtin(opa_binary: str) -> None:
    found = await outline(
        Opa(opa_binary, BinaryLimits()), PolicySource(ENTRY, (("scores.rego", SCORES), ("a.json", "{}")))
    )
    assert found.rules == ("gate.allow", "gate.scores.good", "gate.violations")
    assert {"count", "round", "sprintf"} <= set(found.builtins)
    assert not any("good" in name for name in found.builtins)
