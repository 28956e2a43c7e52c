# METADATA
# title: Model promotion
# description: A high-risk model needs an explainability report that scores at least 0.8.

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
