package aumos.packs_test.eu_ai_act.deployer_use

import data.aumos.packs.eu_ai_act.deployer_use as policy
import data.aumos.packs_testing as testing

high := {
	"system": {
		"id": "credit-score",
		"risk_class": "high",
		"prohibited_practices": [],
		"intended_purposes": ["creditworthiness"],
	},
	"use": {"purpose": "creditworthiness"},
	"deployment": {
		"overseer": {"id": "user-3", "trained": true},
		"input_data_checked": true,
		"monitored": true,
		"log_retention_days": 183,
		"affected_people_informed": true,
		"rights_impact_assessment": "done",
	},
}

minimal := {"system": object.union(high.system, {"risk_class": "minimal"}), "use": high.use}

sound := [high, minimal]

flaws := {
	"system_unnamed": [[0, {"system": {"id": ""}}]],
	"screening_missing": [
		[1, {"system": {"prohibited_practices": {}}}],
		[1, {"system": {"prohibited_practices": "none"}}],
	],
	"prohibited_practice": [[1, {"system": {"prohibited_practices": ["subliminal_technique"]}}]],
	"risk_class_missing": [[1, {"system": {"risk_class": "HIGH"}}]],
	"purpose_unintended": [
		[0, {"use": {"purpose": "marketing"}}],
		[1, {"system": {"intended_purposes": []}}],
	],
	"overseer_missing": [
		[0, {"deployment": {"overseer": {"id": ""}}}],
		[0, {"deployment": {"overseer": {"trained": false}}}],
	],
	"input_data_unfit": [[0, {"deployment": {"input_data_checked": false}}]],
	"monitoring_missing": [[0, {"deployment": {"monitored": false}}]],
	"logs_short": [[0, {"deployment": {"log_retention_days": 182}}]],
	"people_uninformed": [[0, {"deployment": {"affected_people_informed": false}}]],
	"impact_assessment_missing": [[0, {"deployment": {"rights_impact_assessment": "started"}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("eu_ai_act", "deployer_use", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("eu_ai_act", "deployer_use", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("eu_ai_act", "deployer_use", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false

test_an_assessment_that_is_not_due_is_not_asked_for if {
	policy.allow with input as object.union(high, {"deployment": {"rights_impact_assessment": "not_due"}})
}
