"""Policies of several files for the tests."""

from typing import Final

from rego.source import PolicySource

GATE: Final = """\
package acme.gate

import data.acme.gate.helpers as h
import data.lib.roles

default allow := false

allow if {
	roles.is_admin(input.user)
	h.small(input.n)
	data.limits.max > input.n
	count(violations) == 0
}

violations contains msg if some msg in data.rules[_].deny

violations contains sprintf("%v is unknown", [input.user]) if not input.user in data.acme.gate.users
"""

FILES: Final = (
    ("lib/roles.rego", "package lib.roles\n\nis_admin(user) if user in data.acme.gate.admins\n"),
    ("helpers.rego", 'package acme.gate["helpers"]\n\nsmall(n) if n < data["limits"].max\n'),
    ("rules/a.rego", 'package rules.a\n\ndeny contains "bad" if input.bad\n'),
    ("rules/b.rego", 'package rules.b\n\nimport data.limits\n\ndeny contains "b" if input.n > limits.soft\n'),
    ("acme/gate/people.json", '{"admins": ["ann"], "users": ["ann", "bob", "é <&>"]}'),
    ("limits.yaml", "limits: &l\n  max: 10\n  soft: 5.5\n"),
)

INPUTS: Final[tuple[object, ...]] = (
    {"user": "ann", "n": 1},
    {"user": "ann", "n": 7},
    {"user": "bob", "n": 1},
    {"user": "eve", "n": 1, "bad": True},
    {"user": "ann", "n": 11},
    {},
)

GATE_SET: Final = PolicySource(GATE, FILES)


def with_files(*files: tuple[str, str], entry: str = GATE) -> PolicySource:
    """The set with more files."""
    return PolicySource(entry, (*FILES, *files))
