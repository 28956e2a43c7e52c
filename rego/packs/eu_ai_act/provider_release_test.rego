package aumos.packs_test.eu_ai_act.provider_release

import data.aumos.packs.eu_ai_act.provider_release as policy
import data.aumos.packs_testing as testing

high := {
	"system": {"id": "cv-ranking", "risk_class": "high", "prohibited_practices": []},
	"release": {
		"risk_management": true,
		"data_governance": true,
		"technical_documentation": true,
		"event_logging": true,
		"instructions_for_use": true,
		"human_oversight": true,
		"evaluation": {"passed": true, "held_out_data": true},
		"conformity_assessed": true,
		"declaration_of_conformity": true,
		"ce_marking": true,
		"registration": "registered",
		"documentation_retention_years": 10,
	},
}

minimal := {"system": {"id": "spam-filter", "risk_class": "minimal", "prohibited_practices": []}}

sound := [high, minimal, {"system": object.union(minimal.system, {"risk_class": "transparency"})}]

flaws := {
	"system_unnamed": [[0, {"system": {"id": " "}}]],
	"screening_missing": [[0, {"system": {"prohibited_practices": "none"}}]],
	"prohibited_practice": [
		[0, {"system": {"prohibited_practices": ["social_scoring"]}}],
		[1, {"system": {"prohibited_practices": ["emotion_recognition_at_work"]}}],
	],
	"risk_class_missing": [[1, {"system": {"risk_class": "low"}}]],
	"risk_management_missing": [[0, {"release": {"risk_management": false}}]],
	"data_governance_missing": [[0, {"release": {"data_governance": false}}]],
	"technical_documentation_missing": [[0, {"release": {"technical_documentation": false}}]],
	"event_logging_missing": [[0, {"release": {"event_logging": false}}]],
	"instructions_missing": [[0, {"release": {"instructions_for_use": false}}]],
	"oversight_missing": [[0, {"release": {"human_oversight": false}}]],
	"evaluation_missing": [
		[0, {"release": {"evaluation": {"passed": false}}}],
		[0, {"release": {"evaluation": {"held_out_data": false}}}],
	],
	"conformity_assessment_missing": [[0, {"release": {"conformity_assessed": false}}]],
	"declaration_missing": [[0, {"release": {"declaration_of_conformity": false}}]],
	"ce_marking_missing": [[0, {"release": {"ce_marking": false}}]],
	"registration_missing": [[0, {"release": {"registration": "planned"}}]],
	"retention_short": [[0, {"release": {"documentation_retention_years": 9.9}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("eu_ai_act", "provider_release", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("eu_ai_act", "provider_release", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("eu_ai_act", "provider_release", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false

test_an_exempt_system_needs_no_registration if {
	policy.allow with input as object.union(high, {"release": {"registration": "exempt"}})
}
