"""A moved module decides as the author's own does: compared by `opa eval` on both, over common idioms."""

import json
import subprocess
from pathlib import Path

import pytest

from rego.submission import Accepted, Checker
from tests.policies.modules import EXAMPLE

INPUTS: list[object] = [
    {},
    {"model": {"risk_level": "low"}},
    {"model": {"risk_level": "high", "has_explainability_report": True, "explainability_score": 0.85}},
    {"model": {"risk_level": "high", "explainability_score": 0.5}},
    {"user": "ann", "roles": ["admin", "dev"], "n": 3, "tags": {"a": 1, "b": 2}},
    {"user": "bob", "roles": [], "n": 30, "tags": {}},
]

IDIOMS = {
    "the original example": EXAMPLE,
    "complete rules with else": """\
package a.b

default allow := false

level := "admin" if { "admin" in input.roles } else := "dev" if { "dev" in input.roles }

allow if level == "admin"
""",
    "own package by its full name": """\
package a.b["c d"].e

import data.a.b["c d"].e as me
import data.a.b["c d"].e.limit

default allow := false

limit := 10

allow if { input.n < data.a.b["c d"].e.limit; data["a"].b["c d"]["e"].limit == me.limit; limit == 10 }

violations contains $"{input.n} is over {data.a.b["c d"].e.limit}" if input.n > limit
""",
    "sets, objects and comprehensions": """\
package sets

default allow := false

names contains name if some name, _ in input.tags

by_value[value] := name if some name, value in input.tags

allow if { count(names) == 2; by_value[1] == "a"; {x | some x in input.roles} & {"admin"} != set() }

violations := [sprintf("%s=%d", [name, value]) | some name, value in input.tags]
""",
    "functions and recursion over data": """\
package functions

default allow := false

total(values) := sum([v | some v in values])

double(x) := y if { y := x * 2 } else := 0

allow if total([double(v) | some v in input.tags]) == 6

violations contains "none" if { not total(input.tags) == 3 }
""",
    "every, with, partial objects": """\
package quantified

default allow := false

known(role) if role in {"admin", "dev"}

all_known if { every role in input.roles { known(role) } }

allow if { all_known with input.roles as ["dev"]; input.n > 1 }

seen[role] contains input.user if some role in input.roles

violations contains role if seen[role]["ann"]
""",
    "an own decision of dotted rules": """\
package dotted

decision.allow := input.n > 5

decision.violations contains "small" if input.n <= 5
""",
    "unicode in strings, names quoted": """\
package strings["naïve 😀"]

default allow := false

text := "é😀 data.strings \\u00e9"

allow if data.strings["naïve 😀"].text == "é😀 data.strings é"

violations contains text if input.user == "ann"
""",
}


def _evaluate(opa_binary: str, folder: Path, source: str, query: str, document: object) -> object:
    folder.mkdir(exist_ok=True)
    (folder / "policy.rego").write_text(source)
    (folder / "input.json").write_text(json.dumps(document))
    arguments = ["eval", "--format", "json", "--data", "policy.rego", "--input", "input.json", query]
    done = subprocess.run([opa_binary, *arguments], cwd=folder, capture_output=True, check=True)
    results = json.loads(done.stdout).get("result", [])
    return results[0]["expressions"][0]["value"] if results else None


@pytest.mark.parametrize("idiom", IDIOMS)
async def test_a_moved_module_decides_as_the_authors_own(
    checker: Checker, opa_binary: str, tmp_path: Path, idiom: str
) -> None:
    source = IDIOMS[idiom]
    result = await checker.check('ten"ant é', "p-1", 7, source)
    assert isinstance(result, Accepted), result
    own = f"data.{result.package}"
    if '["' in source.split("\n", 1)[0]:
        own = f"data.{source.split(chr(10), 1)[0].removeprefix('package ')}"
    moved = 'data.tenants["ten\\"ant é"]["p-1"].v7.decision'
    for document in INPUTS:
        whole = _evaluate(opa_binary, tmp_path / "own", source, own, document)
        assert isinstance(whole, dict)
        if "decision" in whole:
            expected = whole["decision"]
        elif "allow" in whole:
            violations = whole.get("violations", [])
            expected = {"allow": whole["allow"], "violations": violations}
        else:
            expected = None
        assert _evaluate(opa_binary, tmp_path / "moved", result.loaded.module, moved, document) == expected


async def test_an_undecided_input_leaves_the_decision_undefined(
    checker: Checker, opa_binary: str, tmp_path: Path
) -> None:
    result = await checker.check("acme", "p-1", 1, "package a\n\nallow if input.x == 1\n")
    assert isinstance(result, Accepted)
    query = 'data.tenants.acme["p-1"].v1.decision'
    assert _evaluate(opa_binary, tmp_path / "moved", result.loaded.module, query, {"x": 2}) is None
    allowed = {"allow": True, "violations": []}
    assert _evaluate(opa_binary, tmp_path / "moved", result.loaded.module, query, {"x": 1}) == allowed
