package aumos.packs_test.data_pipeline.dataset_deletion

import data.aumos.packs.data_pipeline.dataset_deletion as policy
import data.aumos.packs_testing as testing

deletion := {
	"dataset": {"id": "d-1", "legal_hold": false, "used_by": []},
	"deletion": {"reason": "retention_ended", "requested_by": "user-1", "proof_planned": true},
	"approval": {"actor": "user-2", "granted": true},
}

erasure := object.union(deletion, {
	"dataset": {"used_by": ["m-17/4"]},
	"deletion": {"reason": "data_subject_request"},
})

sound := [deletion, erasure]

flaws := {
	"deletion_unidentified": [[0, {"dataset": {"id": ""}}], [0, {"deletion": {"requested_by": ""}}]],
	"reason_unknown": [[0, {"deletion": {"reason": "tidying"}}]],
	"on_hold": [[0, {"dataset": {"legal_hold": true}}]],
	"dependents_unlisted": [[0, {"dataset": {"used_by": "none"}}]],
	"in_use": [[0, {"dataset": {"used_by": ["m-17/4"]}}], [1, {"deletion": {"reason": "quality"}}]],
	"approval_missing": [
		[0, {"approval": {"granted": false}}],
		[0, {"approval": {"actor": ""}}],
		[0, {"approval": {"actor": "user-1", "granted": false}}],
	],
	"own_approval": [[0, {"approval": {"actor": "user-1"}}]],
	"proof_unplanned": [[0, {"deletion": {"proof_planned": false}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("data_pipeline", "dataset_deletion", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("data_pipeline", "dataset_deletion", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("data_pipeline", "dataset_deletion", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
