package aumos.packs_test.nist_ai_rmf.deployment_review

import data.aumos.packs.nist_ai_rmf.deployment_review as policy
import data.aumos.packs_testing as testing

review := {
	"system": {"id": "triage", "in_inventory": true, "purpose_documented": true, "impacts_assessed": true},
	"roles": {"owner": "user-1", "overseer": "user-2"},
	"measures": {
		"validity": {"passed": true},
		"safety": {"passed": true},
		"security": {"passed": true},
		"transparency": {"passed": true},
		"explainability": {"not_relevant": "the order of tickets is its own explanation"},
		"privacy": {"passed": true},
		"fairness": {"passed": true},
	},
	"risks": [],
	"residual_risk": {"accepted_by": "user-3"},
	"operation": {"stop_mechanism": true, "monitoring_plan": true, "incident_channel": true},
	"third_parties": [],
}

sound := [review, object.union(review, {
	"risks": [{"priority": "high", "response": "mitigate"}, {"priority": "low"}],
	"third_parties": [{"id": "vendor-1", "risk_managed": true}],
})]

flaws := {
	"not_in_inventory": [[0, {"system": {"id": ""}}], [0, {"system": {"in_inventory": false}}]],
	"context_unknown": [[0, {"system": {"purpose_documented": false}}]],
	"impacts_unassessed": [[0, {"system": {"impacts_assessed": false}}]],
	"roles_vacant": [[0, {"roles": {"owner": ""}}], [0, {"roles": {"overseer": ""}}]],
	"measures_missing": [
		[0, {"measures": {"safety": {"passed": false}}}],
		[0, {"measures": {"explainability": {"not_relevant": " "}}}],
	],
	"risks_unlisted": [[0, {"risks": "none"}]],
	"risk_unanswered": [
		[0, {"risks": [{"priority": "high", "response": "watch"}]}],
		[0, {"risks": [{"priority": "high"}]}],
		[0, {"risks": [{"response": "accept"}]}],
		[0, {"risks": ["bias"]}],
	],
	"residual_risk_open": [[0, {"residual_risk": {"accepted_by": ""}}]],
	"stop_missing": [[0, {"operation": {"stop_mechanism": false}}]],
	"monitoring_missing": [[0, {"operation": {"monitoring_plan": false}}]],
	"incident_channel_missing": [[0, {"operation": {"incident_channel": false}}]],
	"third_parties_unlisted": [[0, {"third_parties": null}]],
	"third_party_unmanaged": [
		[0, {"third_parties": [{"id": "vendor-1", "risk_managed": false}]}],
		[0, {"third_parties": ["vendor-1"]}],
	],
}

test_sound_inputs_are_allowed if testing.all_allowed("nist_ai_rmf", "deployment_review", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("nist_ai_rmf", "deployment_review", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("nist_ai_rmf", "deployment_review", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false

test_open_characteristics_are_named if {
	document := object.union(review, {"measures": {"safety": {"passed": false}, "fairness": {"passed": false}}})
	found := testing.violations("nist_ai_rmf", "deployment_review", document)
	found == {"measures_missing: Neither passed nor said not to matter: fairness, safety"}
}
