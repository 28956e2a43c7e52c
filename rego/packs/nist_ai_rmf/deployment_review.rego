# METADATA
# title: Review before an AI system is deployed
# description: |
#   The outcomes of the AI Risk Management Framework that a gate can ask for: the system is in the inventory,
#   its context, roles and impacts are known, each trustworthiness characteristic was measured or is said not
#   to matter, and risks have an answer. The framework is voluntary: the pack installs it as advisory. Input:
#   system (id, in_inventory, purpose_documented, impacts_assessed), roles (owner, overseer), measures (by
#   characteristic: passed, or not_relevant with a reason), risks (each: priority, response), residual_risk
#   (accepted_by), operation (stop_mechanism, monitoring_plan, incident_channel), third_parties (each:
#   id, risk_managed).
# related_resources:
#   - ref: https://doi.org/10.6028/NIST.AI.100-1
#     description: Artificial Intelligence Risk Management Framework (AI RMF 1.0)
package aumos.packs.nist_ai_rmf.deployment_review

characteristics := {
	"validity",
	"safety",
	"security",
	"transparency",
	"explainability",
	"privacy",
	"fairness",
}

# MANAGE 1.3: what may be done about a risk of high priority.
responses := {"mitigate", "transfer", "avoid", "accept"}

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

in_inventory if {
	has_text(input.system.id)
	input.system.in_inventory == true
}

roles_filled if {
	has_text(input.roles.owner)
	has_text(input.roles.overseer)
}

settled contains name if {
	some name in characteristics
	input.measures[name].passed == true
}

settled contains name if {
	some name in characteristics
	has_text(input.measures[name].not_relevant)
}

risks_listed if is_array(input.risks)

unanswered contains number if {
	some number, risk in input.risks
	not answered(risk)
}

answered(risk) if risk.priority in {"low", "medium"}

answered(risk) if {
	risk.priority == "high"
	risk.response in responses
}

residual_risk_accepted if has_text(input.residual_risk.accepted_by)

third_parties_listed if is_array(input.third_parties)

unmanaged contains number if {
	some number, party in input.third_parties
	not party.risk_managed == true
}

default allow := false

allow if count(violations) == 0

violations contains "not_in_inventory: The system is not in the inventory" if not in_inventory

violations contains "context_unknown: Purpose, users and setting of the system are not documented" if {
	not input.system.purpose_documented == true
}

violations contains "impacts_unassessed: Likelihood and size of the impacts are not assessed" if {
	not input.system.impacts_assessed == true
}

violations contains "roles_vacant: Owner and overseer must be named" if not roles_filled

violations contains msg if {
	open := characteristics - settled
	count(open) > 0
	msg := sprintf("measures_missing: Neither passed nor said not to matter: %s", [concat(", ", sort(open))])
}

violations contains "risks_unlisted: risks must be a list, empty when none was found" if not risks_listed

violations contains "risk_unanswered: A risk of high priority has no response, or a risk has no priority" if {
	count(unanswered) > 0
}

violations contains "residual_risk_open: Nobody accepts the risk that remains" if not residual_risk_accepted

violations contains "stop_missing: There is no way to disengage or switch off the system" if {
	not input.operation.stop_mechanism == true
}

violations contains "monitoring_missing: There is no plan to monitor the system after deployment" if {
	not input.operation.monitoring_plan == true
}

violations contains "incident_channel_missing: There is no channel for incidents and errors" if {
	not input.operation.incident_channel == true
}

violations contains "third_parties_unlisted: third_parties must be a list, empty when there is none" if {
	not third_parties_listed
}

violations contains "third_party_unmanaged: The risk of a third party's model, data or software is not managed" if {
	count(unmanaged) > 0
}
