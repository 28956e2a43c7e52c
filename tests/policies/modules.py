"""Rego sources of the tests."""

EXAMPLE = """\
# Example: Require explainability for high-risk AI models
package aumos.governance.model_promotion

import future.keywords.if
import future.keywords.in

default allow = false

allow if {
    input.model.risk_level != "high"
}

allow if {
    input.model.risk_level == "high"
    input.model.has_explainability_report == true
    input.model.explainability_score >= 0.8
}

violations contains msg if {
    input.model.risk_level == "high"
    not input.model.has_explainability_report
    msg := "High-risk models require an explainability report"
}
"""

ALLOW = "package a\n\ndefault allow := true\n"

SLOW = """\
package slow

default allow := true

allow := false if {
    input.numbers
    some i in input.numbers
    some j in input.numbers
    some k in input.numbers
    some l in input.numbers
    i + j + k + l == -1
}
"""
"""Takes the fourth power of ``input.numbers``'s length."""


def policy(*lines: str, package: str = "acme.gate") -> str:
    """A module that has an allow rule and these lines."""
    return "\n".join((f"package {package}", "", "default allow := true", "", *lines, ""))
