# METADATA
# title: Use of an AI system by its deployer
# description: |
#   A deployer uses a system for its intended purpose alone and, where it is high-risk, with a trained
#   overseer, monitoring, kept logs and the fundamental rights impact assessment where one is due. Input:
#   system (id, risk_class, prohibited_practices, intended_purposes), use (purpose) and, for a high-risk
#   system, deployment (a fact for each duty).
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2024/1689/oj
#     description: Regulation (EU) 2024/1689
package aumos.packs.eu_ai_act.deployer_use

risk_classes := {"high", "transparency", "minimal"}

# Article 26(6): logs are kept for at least six months.
log_days := 183

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

named if has_text(input.system.id)

classified if input.system.risk_class in risk_classes

screened if is_array(input.system.prohibited_practices)

high_risk if input.system.risk_class == "high"

intended if input.use.purpose in input.system.intended_purposes

rights_assessed if input.deployment.rights_impact_assessment in {"done", "not_due"}

overseen if {
	has_text(input.deployment.overseer.id)
	input.deployment.overseer.trained == true
}

logs_kept if {
	is_number(input.deployment.log_retention_days)
	input.deployment.log_retention_days >= log_days
}

default allow := false

allow if count(violations) == 0

violations contains "system_unnamed: system.id must name the AI system" if not named

violations contains "screening_missing: The system must be screened against each prohibited practice" if not screened

violations contains "prohibited_practice: A practice that Article 5 prohibits was found; nothing permits the use" if {
	screened
	count(input.system.prohibited_practices) > 0
}

violations contains "risk_class_missing: system.risk_class must be high, transparency or minimal" if not classified

violations contains "purpose_unintended: The purpose is not one that the instructions for use intend" if not intended

violations contains "overseer_missing: A trained person must be named to oversee the high-risk system" if {
	high_risk
	not overseen
}

violations contains "input_data_unfit: The input data must be relevant and representative for the purpose" if {
	high_risk
	not input.deployment.input_data_checked == true
}

violations contains "monitoring_missing: The operation of the high-risk system must be monitored" if {
	high_risk
	not input.deployment.monitored == true
}

violations contains "logs_short: The logs must be kept for at least 183 days" if {
	high_risk
	not logs_kept
}

violations contains "people_uninformed: People whom the system affects must be told of it, workers before its use" if {
	high_risk
	not input.deployment.affected_people_informed == true
}

violations contains "impact_assessment_missing: The fundamental rights impact assessment must be done, or not be due" if {
	high_risk
	not rights_assessed
}
