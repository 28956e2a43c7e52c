package aumos.packs_test.data_pipeline.dataset_use

import data.aumos.packs.data_pipeline.dataset_use as policy
import data.aumos.packs_testing as testing

plain := {
	"dataset": {
		"id": "d-1",
		"owner": "user-1",
		"source": "https://example.org/corpus",
		"licence": "CC-BY-4.0",
		"approved_purposes": ["training", "evaluation"],
		"digest": "sha256:aa",
		"stored_digest": "sha256:aa",
		"personal_data": false,
		"retention_days": 365,
	},
	"use": {"purpose": "training"},
	"quality": [{"name": "completeness", "value": 0.99, "minimum": 0.99}],
}

personal := object.union(plain, {
	"dataset": {"personal_data": true},
	"privacy": {"lawful_basis": "consent", "special_category": false, "deidentified": true},
})

special := object.union(personal, {"privacy": {
	"special_category": true,
	"special_category_ground": "explicit consent, form 12",
}})

measure(changes) := {"quality": [object.union(plain.quality[0], changes)]}

sound := [plain, personal, special]

flaws := {
	"dataset_unidentified": [[0, {"dataset": {"id": ""}}], [0, {"dataset": {"owner": ""}}]],
	"origin_unknown": [[0, {"dataset": {"source": ""}}], [0, {"dataset": {"licence": " "}}]],
	"purpose_unknown": [[0, {"use": {"purpose": "fun"}}]],
	"purpose_unapproved": [[0, {"use": {"purpose": "retrieval"}}], [0, {"dataset": {"approved_purposes": []}}]],
	"content_changed": [
		[0, {"dataset": {"stored_digest": "sha256:bb"}}],
		[0, {"dataset": {"digest": "", "stored_digest": ""}}],
	],
	"quality_unmeasured": [[0, {"quality": []}]],
	"quality_low": [
		[0, measure({"value": 0.98})],
		[0, measure({"value": "0.99"})],
		[0, measure({"minimum": null})],
		[0, measure({"name": ""})],
		[0, {"quality": ["completeness"]}],
	],
	"retention_unset": [[0, {"dataset": {"retention_days": 0}}]],
	"personal_data_unstated": [[0, {"dataset": {"personal_data": "unknown"}}]],
	"basis_missing": [[1, {"privacy": {"lawful_basis": "habit"}}]],
	"special_category_open": [
		[2, {"privacy": {"special_category_ground": ""}}],
		[1, {"privacy": {"special_category": true}}],
	],
	"identifiable": [[1, {"privacy": {"deidentified": false}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("data_pipeline", "dataset_use", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("data_pipeline", "dataset_use", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("data_pipeline", "dataset_use", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
