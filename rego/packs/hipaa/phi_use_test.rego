package aumos.packs_test.hipaa.phi_use

import data.aumos.packs.hipaa.phi_use as policy
import data.aumos.packs_testing as testing

summary := {
	"requester": {"id": "svc-summaries", "shared": false, "authorized": true},
	"phi": {"deidentification": "none"},
	"request": {
		"purpose": "payment",
		"fields": ["diagnosis"],
		"needed_fields": ["diagnosis", "dates"],
		"encrypted_in_transit": true,
	},
	"recipient": {"kind": "internal"},
}

vendor := object.union(summary, {
	"recipient": {"kind": "business_associate"},
	"contract": {"id": "baa-7", "business_associate_terms": true},
})

training := object.union(summary, {
	"request": {"purpose": "model_training"},
	"authorization": {"id": "auth-1", "purpose": "model_training", "valid": true},
})

sound := [summary, vendor, training]

flaws := {
	"status_unknown": [[0, {"phi": {"deidentification": "names_removed"}}]],
	"requester_unidentified": [[0, {"requester": {"id": ""}}], [0, {"requester": {"shared": true}}]],
	"requester_unauthorized": [[0, {"requester": {"authorized": false}}]],
	"purpose_unknown": [[0, {"request": {"purpose": "curiosity"}}]],
	"authorization_missing": [
		[0, {"request": {"purpose": "research"}}],
		[2, {"authorization": {"id": ""}}],
		[2, {"authorization": {"purpose": "marketing"}}],
		[2, {"authorization": {"valid": false}}],
	],
	"fields_unstated": [[0, {"request": {"fields": "all"}}], [0, {"request": {"needed_fields": null}}]],
	"more_than_necessary": [[0, {"request": {"fields": ["diagnosis", "address"]}}]],
	"recipient_unknown": [[0, {"recipient": {"kind": "friend"}}]],
	"contract_missing": [
		[1, {"contract": {"id": ""}}],
		[1, {"contract": {"business_associate_terms": false}}],
		[0, {"recipient": {"kind": "business_associate"}}],
	],
	"recipient_uncovered": [[0, {"recipient": {"kind": "other"}}]],
	"transit_unencrypted": [[0, {"request": {"encrypted_in_transit": false}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("hipaa", "phi_use", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("hipaa", "phi_use", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("hipaa", "phi_use", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false

test_treatment_may_see_everything if {
	policy.allow with input as object.union(summary, {"request": {"purpose": "treatment", "fields": ["all", "of", "it"]}})
}

test_deidentified_data_trains_a_model_and_goes_to_others if {
	every method in policy.deidentification_methods {
		policy.allow with input as object.union(summary, {
			"phi": {"deidentification": method},
			"request": {"purpose": "model_training", "fields": ["address"]},
			"recipient": {"kind": "other"},
		})
	}
}

test_an_authorized_disclosure_to_others_is_allowed if {
	policy.allow with input as object.union(training, {"recipient": {"kind": "other"}})
}

test_deidentified_data_needs_no_contract if {
	policy.allow with input as object.union(summary, {
		"phi": {"deidentification": "safe_harbor"},
		"recipient": {"kind": "business_associate"},
	})
}
