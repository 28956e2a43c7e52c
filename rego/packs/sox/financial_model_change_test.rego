package aumos.packs_test.sox.financial_model_change

import data.aumos.packs.sox.financial_model_change as policy
import data.aumos.packs_testing as testing

change := {
	"change": {"id": "c-1", "author": "user-1", "deployer": "ci-finance"},
	"control": {"id": "ITAC-12", "owner": "user-4", "owner_approved": true},
	"tests": {"passed": true, "compared_with_baseline": true},
	"approval": {"actor": "user-2", "granted": true},
	"evidence": {"stored": true},
}

sound := [change]

flaws := {
	"change_undocumented": [
		[0, {"change": {"id": ""}}],
		[0, {"change": {"author": ""}}],
		[0, {"change": {"deployer": ""}}],
		[0, {"change": {"author": "", "deployer": ""}}],
	],
	"control_unnamed": [[0, {"control": {"id": ""}}], [0, {"control": {"owner": ""}}]],
	"tests_missing": [[0, {"tests": {"passed": false}}], [0, {"tests": {"compared_with_baseline": false}}]],
	"approval_missing": [
		[0, {"approval": {"granted": false}}],
		[0, {"approval": {"actor": ""}}],
		[0, {"approval": {"actor": "user-1", "granted": false}}],
	],
	"own_approval": [[0, {"approval": {"actor": "user-1"}}]],
	"own_deployment": [[0, {"change": {"deployer": "user-1"}}]],
	"owner_unasked": [[0, {"control": {"owner_approved": false}}]],
	"evidence_missing": [[0, {"evidence": {"stored": false}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("sox", "financial_model_change", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("sox", "financial_model_change", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("sox", "financial_model_change", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
