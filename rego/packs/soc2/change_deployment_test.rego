package aumos.packs_test.soc2.change_deployment

import data.aumos.packs.soc2.change_deployment as policy
import data.aumos.packs_testing as testing

normal := {
	"change": {"id": "c-1", "author": "user-1", "kind": "normal"},
	"tests": {"passed": true},
	"scan": {"passed": true},
	"approval": {"actor": "user-2", "granted": true},
	"deployer": {"id": "ci-main", "kind": "pipeline"},
}

emergency := object.union(object.remove(normal, ["approval"]), {"change": {"kind": "emergency", "incident": "i-9"}})

sound := [normal, emergency]

flaws := {
	"change_unnamed": [[0, {"change": {"id": ""}}], [0, {"change": {"author": " "}}]],
	"kind_unknown": [[0, {"change": {"kind": "small"}}]],
	"tests_missing": [[0, {"tests": {"passed": false}}], [1, {"tests": {"passed": false}}]],
	"scan_missing": [[0, {"scan": {"passed": false}}]],
	"approval_missing": [
		[0, {"approval": {"granted": false}}],
		[0, {"approval": {"actor": ""}}],
		[0, {"approval": {"actor": "user-1", "granted": false}}],
	],
	"own_approval": [
		[0, {"approval": {"actor": "user-1"}}],
		[1, {"approval": {"actor": "user-1", "granted": true}}],
	],
	"emergency_ungrounded": [[1, {"change": {"incident": ""}}]],
	"deployed_by_hand": [[0, {"deployer": {"kind": "person"}}], [1, {"deployer": {"id": ""}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("soc2", "change_deployment", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("soc2", "change_deployment", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("soc2", "change_deployment", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
