package aumos.packs_test.fedramp.configuration_change

import data.aumos.packs.fedramp.configuration_change as policy
import data.aumos.packs_testing as testing

change := {
	"change": {"id": "c-1", "author": "user-1", "significant": false},
	"impact_analysis": {"done": true},
	"tests": {"passed": true},
	"approval": {"actor": "user-2", "granted": true},
	"artifact": {"signature_verified": true},
	"deployer": {"kind": "pipeline"},
}

sound := [change, object.union(change, {"change": {"significant": true}, "official": {"approved": true}})]

flaws := {
	"change_unnamed": [[0, {"change": {"id": ""}}], [0, {"change": {"author": ""}}]],
	"significance_unstated": [[0, {"change": {"significant": "no"}}]],
	"impact_unanalysed": [[0, {"impact_analysis": {"done": false}}]],
	"tests_missing": [[0, {"tests": {"passed": false}}]],
	"approval_missing": [
		[0, {"approval": {"granted": false}}],
		[0, {"approval": {"actor": ""}}],
		[0, {"approval": {"actor": "user-1", "granted": false}}],
	],
	"own_approval": [[0, {"approval": {"actor": "user-1"}}]],
	"artifact_unsigned": [[0, {"artifact": {"signature_verified": false}}]],
	"deployed_by_hand": [[0, {"deployer": {"kind": "person"}}]],
	"official_unasked": [[1, {"official": {"approved": false}}], [0, {"change": {"significant": true}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("fedramp", "configuration_change", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("fedramp", "configuration_change", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("fedramp", "configuration_change", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
