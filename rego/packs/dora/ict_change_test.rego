package aumos.packs_test.dora.ict_change

import data.aumos.packs.dora.ict_change as policy
import data.aumos.packs_testing as testing

minor := {
	"change": {"id": "c-1", "author": "user-1", "major": false, "rollback_plan": true, "verification_plan": true},
	"impact": {"assessed": true},
	"tests": {"passed": true},
	"approval": {"actor": "user-2", "granted": true},
}

sound := [minor, object.union(minor, {"change": {"major": true}, "risk": {"assessed": true}})]

flaws := {
	"change_unrecorded": [
		[0, {"change": {"id": ""}}],
		[0, {"change": {"author": ""}}],
		[0, {"change": {"major": "no"}}],
	],
	"impact_unassessed": [[0, {"impact": {"assessed": false}}]],
	"risk_unassessed": [[0, {"change": {"major": true}}], [1, {"risk": {"assessed": false}}]],
	"tests_missing": [[0, {"tests": {"passed": false}}]],
	"approval_missing": [
		[0, {"approval": {"granted": false}}],
		[0, {"approval": {"actor": ""}}],
		[0, {"approval": {"actor": "user-1", "granted": false}}],
	],
	"own_approval": [[0, {"approval": {"actor": "user-1"}}]],
	"rollback_missing": [[0, {"change": {"rollback_plan": false}}]],
	"verification_missing": [[0, {"change": {"verification_plan": false}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("dora", "ict_change", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("dora", "ict_change", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("dora", "ict_change", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
