package aumos.governance.data_pipeline_test

import data.aumos.governance.data_pipeline

legal_bases := {
	"consent",
	"contract",
	"legal_obligation",
	"vital_interests",
	"public_task",
	"legitimate_interests",
}

transfer_mechanisms := {"adequacy_decision", "standard_contractual_clauses", "binding_corporate_rules"}

personal := {
	"contains_personal_data": true,
	"legal_basis": "contract",
	"retention_days": 365,
	"region": "EU",
}

plain := {"contains_personal_data": false, "region": "EU"}

request(operation, dataset) := {"operation": operation, "dataset": dataset, "approvals": []}

transfer(dataset, destination) := object.union(request("transfer", dataset), {"destination": destination})

approve(document, kind) := object.union(document, {"approvals": [kind]})

refused(document, messages) if {
	data_pipeline.allow == false with input as document
	data_pipeline.violations == messages with input as document
}

allowed(document) if {
	data_pipeline.allow with input as document
	data_pipeline.violations == set() with input as document
}

test_data_without_personal_data_needs_no_ground if {
	every operation in {"ingest", "read", "train"} {
		allowed(request(operation, plain))
	}
	allowed(transfer(plain, {"region": "US"}))
}

test_personal_data_with_its_grounds_is_allowed if {
	every basis in legal_bases {
		allowed(request("ingest", object.union(personal, {"legal_basis": basis})))
	}
}

test_personal_data_without_a_legal_basis_is_refused if {
	every dataset in [object.remove(personal, ["legal_basis"]), object.union(personal, {"legal_basis": "habit"})] {
		refused(request("read", dataset), {"Personal data needs a legal basis"})
	}
}

test_personal_data_without_a_sound_retention_period_is_refused if {
	every days in [null, 0, -1, data_pipeline.max_retention_days + 1, "365"] {
		refused(
			request("ingest", object.union(personal, {"retention_days": days})),
			{"Personal data needs a retention period of 1 to 3650 days"},
		)
	}
}

test_the_longest_retention_period_is_allowed if {
	allowed(request("ingest", object.union(personal, {"retention_days": data_pipeline.max_retention_days})))
}

test_special_categories_need_consent_or_a_review if {
	special := object.union(personal, {"special_category": true})
	refused(
		request("read", special),
		{"Special categories of personal data need consent or approval special_category_review"},
	)
	allowed(request("read", object.union(special, {"legal_basis": "consent"})))
	allowed(approve(request("read", special), "special_category_review"))
}

test_training_on_personal_data_needs_deidentification if {
	every dataset in [personal, object.union(personal, {"deidentified": false})] {
		refused(request("train", dataset), {"Personal data must be de-identified before training"})
	}
	allowed(request("train", object.union(personal, {"deidentified": true})))
}

test_personal_data_leaves_its_region_only_with_a_transfer_mechanism if {
	every destination in [{"region": "US"}, {"region": "US", "mechanism": "trust"}] {
		refused(transfer(personal, destination), {"Personal data leaves EU for US without a transfer mechanism"})
	}
	every mechanism in transfer_mechanisms {
		allowed(transfer(personal, {"region": "US", "mechanism": mechanism}))
	}
}

test_a_transfer_inside_the_region_needs_no_mechanism if {
	allowed(transfer(personal, {"region": "EU"}))
}

test_a_transfer_names_both_regions if {
	missing := "A transfer names the region of the dataset and of its destination"
	refused(transfer(plain, {}), {missing})
	refused(transfer(object.remove(plain, ["region"]), {"region": "US"}), {missing})
	refused(transfer(object.union(plain, {"region": null}), {"region": null}), {missing})
}

test_deleting_a_raw_source_needs_a_steward if {
	every dataset in [plain, object.union(plain, {"raw_source": true})] {
		refused(request("delete", dataset), {"Deleting a raw source needs approval data_steward"})
		allowed(approve(request("delete", dataset), "data_steward"))
	}
}

test_derived_data_is_deleted_without_approval if {
	allowed(request("delete", object.union(plain, {"raw_source": false})))
}

test_personal_data_without_a_ground_can_still_be_deleted if {
	dataset := {"contains_personal_data": true, "special_category": true, "raw_source": false}
	allowed(request("delete", dataset))
}

test_an_unknown_operation_is_refused if {
	refused(
		request("sell", plain),
		{`operation must be one of ingest, read, train, transfer, delete; it is "sell"`},
	)
}

test_whether_there_is_personal_data_must_be_stated if {
	every dataset in [{}, {"contains_personal_data": "no"}] {
		refused(
			request("read", dataset),
			{"dataset.contains_personal_data must be stated as true or false"},
		)
	}
}

test_an_input_that_is_no_object_is_refused if {
	every document in [[], "text", null, 7] {
		data_pipeline.allow == false with input as document
		"The input must be an object" in data_pipeline.violations with input as document
	}
	data_pipeline.allow == false
}

test_parts_of_another_shape_are_refused if {
	every document in [{}, {"operation": "read", "dataset": "text"}] {
		data_pipeline.allow == false with input as document
		count(data_pipeline.violations) > 0 with input as document
	}
}
