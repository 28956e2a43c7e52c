package aumos.packs_test.iso27001.production_change

import data.aumos.packs.iso27001.production_change as policy
import data.aumos.packs_testing as testing

change := {
	"change": {"id": "c-1", "author": "user-1", "rollback_plan": true},
	"tests": {"environment": "staging", "passed": true, "production_data": false},
	"security_tests": {"passed": true},
	"known_vulnerabilities": [],
	"approval": {"actor": "user-2", "granted": true},
}

sound := [change, object.union(change, {"tests": {"production_data": true, "masked": true}})]

flaws := {
	"change_unnamed": [[0, {"change": {"id": ""}}], [0, {"change": {"author": ""}}]],
	"tests_missing": [[0, {"tests": {"passed": false}}], [0, {"security_tests": {"passed": false}}]],
	"tested_in_production": [[0, {"tests": {"environment": "production"}}]],
	"test_data_unsafe": [[1, {"tests": {"masked": false}}], [0, {"tests": {"production_data": true}}]],
	"vulnerabilities_unlisted": [[0, {"known_vulnerabilities": {}}]],
	"vulnerability_open": [
		[0, {"known_vulnerabilities": [{"id": "v-1", "severity": "critical", "accepted": true}]}],
		[0, {"known_vulnerabilities": [{"id": "v-1", "severity": "high"}]}],
		[0, {"known_vulnerabilities": ["v-1"]}],
	],
	"approval_missing": [
		[0, {"approval": {"granted": false}}],
		[0, {"approval": {"actor": ""}}],
		[0, {"approval": {"actor": "user-1", "granted": false}}],
	],
	"own_approval": [[0, {"approval": {"actor": "user-1"}}]],
	"rollback_missing": [[0, {"change": {"rollback_plan": false}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("iso27001", "production_change", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("iso27001", "production_change", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("iso27001", "production_change", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false

test_a_small_or_an_accepted_high_vulnerability_may_stay if {
	policy.allow with input as object.union(change, {"known_vulnerabilities": [
		{"id": "v-1", "severity": "medium"},
		{"id": "v-2", "severity": "high", "accepted": true},
	]})
}
