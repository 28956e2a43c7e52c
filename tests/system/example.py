"""The policy that users know, to the letter, and what its text says; and a simpler one."""

from typing import Final

from schemas.models import CreatePolicy

EXAMPLE: Final = """\
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

GATE_SOURCE: Final = "package gate\n\ndefault allow := false\n\nallow if input.ok\n"
"""Allows what is ``ok``."""

MISSING_REPORT: Final = "High-risk models require an explainability report"
PROMOTION: Final = CreatePolicy(
    name="Model Promotion Gate", rego_content=EXAMPLE, regulation_refs=["iso42001", "eu_ai_act"]
)


def _high(score: float) -> dict[str, object]:
    return {"model": {"risk_level": "high", "has_explainability_report": True, "explainability_score": score}}


CASES: Final[tuple[tuple[dict[str, object], bool, tuple[str, ...]], ...]] = (
    ({"model": {"risk_level": "low"}}, True, ()),
    ({"model": {"risk_level": "high"}}, False, (MISSING_REPORT,)),
    ({"model": {"risk_level": "high", "has_explainability_report": False}}, False, (MISSING_REPORT,)),
    (_high(0.85), True, ()),
    (_high(0.8), True, ()),
    (_high(0.79), False, ()),
    ({"model": {"risk_level": "high", "has_explainability_report": True}}, False, ()),
    ({}, False, ()),
)
"""Input, whether the text allows it, and the violations that it names."""
