package aumos.packs_test.model_promotion.promotion

import data.aumos.packs.model_promotion.promotion as policy
import data.aumos.packs_testing as testing

staging := {
	"model": {"id": "m-17", "version": "4", "author": "user-1"},
	"promotion": {"from": "development", "to": "staging"},
	"evaluation": {
		"test_set": "sha256:aa",
		"training_sets": ["sha256:bb"],
		"metrics": [
			{"name": "f1", "value": 0.9, "threshold": 0.9, "better": "higher"},
			{"name": "error_rate", "value": 0.02, "threshold": 0.05, "better": "lower"},
		],
	},
	"lineage": {"datasets": [{"id": "d-1", "digest_verified": true}]},
	"model_card": {"version": "4"},
	"licence": {"cleared": true},
	"artifact": {"signature_verified": true},
}

production := object.union(staging, {
	"promotion": {"from": "staging", "to": "production"},
	"approval": {"actor": "user-2", "granted": true},
	"fallback_version": "3",
})

metric(changes) := {"evaluation": {"metrics": [object.union(staging.evaluation.metrics[0], changes)]}}

sound := [staging, production]

flaws := {
	"version_unnamed": [[0, {"model": {"id": ""}}], [0, {"model": {"version": ""}}], [0, {"model": {"author": ""}}]],
	"stage_skipped": [
		[0, {"promotion": {"from": "staging"}}],
		[1, {"promotion": {"from": "development"}}],
		[0, {"promotion": {"to": "test"}}],
	],
	"metrics_missing": [[0, {"evaluation": {"metrics": []}}], [0, {"evaluation": {"metrics": "good"}}]],
	"threshold_missed": [
		[0, metric({"value": 0.89})],
		[0, metric({"better": "lower", "value": 0.91})],
		[0, metric({"better": "different"})],
		[0, metric({"value": "0.95"})],
		[0, metric({"threshold": null})],
		[0, metric({"better": "lower", "value": null})],
		[0, metric({"name": ""})],
		[0, {"evaluation": {"metrics": ["f1"]}}],
	],
	"test_set_seen": [
		[0, {"evaluation": {"test_set": "sha256:bb"}}],
		[0, {"evaluation": {"test_set": ""}}],
		[0, {"evaluation": {"training_sets": []}}],
	],
	"lineage_missing": [[0, {"lineage": {"datasets": []}}]],
	"dataset_unverified": [
		[0, {"lineage": {"datasets": [{"id": "d-1", "digest_verified": false}]}}],
		[0, {"lineage": {"datasets": ["d-1"]}}],
	],
	"model_card_missing": [[0, {"model_card": {"version": "3"}}]],
	"licence_uncleared": [[0, {"licence": {"cleared": false}}]],
	"artifact_unsigned": [[0, {"artifact": {"signature_verified": false}}]],
	"approval_missing": [
		[1, {"approval": {"granted": false}}],
		[1, {"approval": {"actor": ""}}],
		[1, {"approval": {"actor": "user-1", "granted": false}}],
	],
	"own_approval": [[1, {"approval": {"actor": "user-1"}}]],
	"fallback_missing": [[1, {"fallback_version": ""}], [1, {"fallback_version": "4"}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("model_promotion", "promotion", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("model_promotion", "promotion", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("model_promotion", "promotion", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
