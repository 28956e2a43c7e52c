# METADATA
# title: Data pipeline
# description: |
#   Dataset operations. Personal data needs a legal basis, a retention period, a transfer
#   mechanism when it leaves its region and de-identification before training; deleting raw
#   sources needs an approval. Input: operation, dataset, destination, approvals.
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2016/679/oj
#     description: GDPR, articles 5(1)(e), 6(1), 9(2) and 44 to 47
package aumos.governance.data_pipeline

operations := {"ingest", "read", "train", "transfer", "delete"}

# GDPR article 6(1), points (a) to (f).
legal_bases := {
	"consent",
	"contract",
	"legal_obligation",
	"vital_interests",
	"public_task",
	"legitimate_interests",
}

# GDPR articles 45, 46(2)(c) and 47.
transfer_mechanisms := {
	"adequacy_decision",
	"standard_contractual_clauses",
	"binding_corporate_rules",
}

max_retention_days := 3650

operation := object.get(input, "operation", "")

retention_days := object.get(input, ["dataset", "retention_days"], null)

origin := object.get(input, ["dataset", "region"], "")

destination := object.get(input, ["destination", "region"], "")

approved(kind) if kind in object.get(input, "approvals", [])

personal if input.dataset.contains_personal_data == true

# Data can always be deleted: a missing legal basis must not keep it in place.
processes_personal_data if {
	personal
	operation != "delete"
}

valid_retention if {
	is_number(retention_days)
	retention_days > 0
	retention_days <= max_retention_days
}

has_text(value) if {
	is_string(value)
	value != ""
}

regions_stated if {
	has_text(origin)
	has_text(destination)
}

# Only a copy that goes somewhere else can leave its region.
leaves_region if {
	operation == "transfer"
	destination != origin
}

default allow := false

# Without any input no violation can be found, so their absence alone proves nothing.
allow if {
	is_object(input)
	count(violations) == 0
}

violations contains msg if {
	not is_object(input)
	msg := "The input must be an object"
}

violations contains msg if {
	not operation in operations
	msg := sprintf(`operation must be one of ingest, read, train, transfer, delete; it is "%v"`, [operation])
}

violations contains msg if {
	not is_boolean(object.get(input, ["dataset", "contains_personal_data"], null))
	msg := "dataset.contains_personal_data must be stated as true or false"
}

violations contains msg if {
	processes_personal_data
	not object.get(input, ["dataset", "legal_basis"], "") in legal_bases
	msg := "Personal data needs a legal basis"
}

violations contains msg if {
	processes_personal_data
	not valid_retention
	msg := sprintf("Personal data needs a retention period of 1 to %v days", [max_retention_days])
}

violations contains msg if {
	processes_personal_data
	input.dataset.special_category == true
	not input.dataset.legal_basis == "consent"
	not approved("special_category_review")
	msg := "Special categories of personal data need consent or approval special_category_review"
}

violations contains msg if {
	operation == "train"
	personal
	not input.dataset.deidentified == true
	msg := "Personal data must be de-identified before training"
}

violations contains msg if {
	operation == "transfer"
	not regions_stated
	msg := "A transfer names the region of the dataset and of its destination"
}

violations contains msg if {
	personal
	leaves_region
	not object.get(input, ["destination", "mechanism"], "") in transfer_mechanisms
	msg := sprintf("Personal data leaves %v for %v without a transfer mechanism", [origin, destination])
}

# What is not stated to be derived counts as raw.
violations contains msg if {
	operation == "delete"
	not input.dataset.raw_source == false
	not approved("data_steward")
	msg := "Deleting a raw source needs approval data_steward"
}
