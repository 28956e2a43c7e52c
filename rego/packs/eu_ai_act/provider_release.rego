# METADATA
# title: Release of an AI system by its provider
# description: |
#   A provider places a system on the Union market or puts it into service only when no practice that
#   Article 5 prohibits was found in it and, for a high-risk system, what Articles 9 to 15, 43 and 47 to 49
#   ask for is there. The duties are asked for whatever the day; until the day from which they bind, install
#   the policy as advisory. Input: system (id, risk_class, prohibited_practices: those found by screening)
#   and, for a high-risk system, release (a fact for each duty).
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2024/1689/oj
#     description: Regulation (EU) 2024/1689
package aumos.packs.eu_ai_act.provider_release

risk_classes := {"high", "transparency", "minimal"}

# Article 18(1): the documentation is kept for 10 years.
documentation_years := 10

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

named if has_text(input.system.id)

classified if input.system.risk_class in risk_classes

screened if is_array(input.system.prohibited_practices)

high_risk if input.system.risk_class == "high"

evaluated if {
	input.release.evaluation.passed == true
	input.release.evaluation.held_out_data == true
}

registered if input.release.registration in {"registered", "exempt"}

documentation_kept if {
	is_number(input.release.documentation_retention_years)
	input.release.documentation_retention_years >= documentation_years
}

default allow := false

allow if count(violations) == 0

violations contains "system_unnamed: system.id must name the AI system" if not named

violations contains "screening_missing: The system must be screened against each prohibited practice" if not screened

violations contains "prohibited_practice: A practice that Article 5 prohibits was found; nothing permits the release" if {
	screened
	count(input.system.prohibited_practices) > 0
}

violations contains "risk_class_missing: system.risk_class must be high, transparency or minimal" if not classified

violations contains "risk_management_missing: A high-risk system needs a risk management system" if {
	high_risk
	not input.release.risk_management == true
}

violations contains "data_governance_missing: Training, validation and test data need data governance" if {
	high_risk
	not input.release.data_governance == true
}

violations contains "technical_documentation_missing: The technical documentation of this version is missing" if {
	high_risk
	not input.release.technical_documentation == true
}

violations contains "event_logging_missing: A high-risk system must record events over its lifetime" if {
	high_risk
	not input.release.event_logging == true
}

violations contains "instructions_missing: Deployers need instructions for use" if {
	high_risk
	not input.release.instructions_for_use == true
}

violations contains "oversight_missing: People must be able to oversee the system, override it and stop it" if {
	high_risk
	not input.release.human_oversight == true
}

violations contains "evaluation_missing: The version must pass its evaluation on data held out from training" if {
	high_risk
	not evaluated
}

violations contains "conformity_assessment_missing: The conformity assessment is not done" if {
	high_risk
	not input.release.conformity_assessed == true
}

violations contains "declaration_missing: The EU declaration of conformity is not drawn up" if {
	high_risk
	not input.release.declaration_of_conformity == true
}

violations contains "ce_marking_missing: The CE marking is not affixed" if {
	high_risk
	not input.release.ce_marking == true
}

violations contains "registration_missing: The system must be registered, or be of a kind that is exempt" if {
	high_risk
	not registered
}

violations contains "retention_short: The documentation must be kept for at least 10 years" if {
	high_risk
	not documentation_kept
}
