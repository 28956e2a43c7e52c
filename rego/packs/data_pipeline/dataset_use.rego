# METADATA
# title: Use of a dataset in a pipeline
# description: |
#   A dataset is used for training, tuning, evaluation or retrieval when its source, licence, owner and
#   content are known, its approval covers that very purpose, its quality meets what was set, and personal
#   data has a lawful basis and is de-identified. Input: dataset (id, owner, source, licence, approved_purposes,
#   digest, stored_digest, personal_data, retention_days), use (purpose), quality (each: name, value, minimum),
#   and for personal data privacy (lawful_basis, deidentified, special_category, special_category_ground).
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2016/679/oj
#     description: Regulation (EU) 2016/679, articles 5, 6 and 9
package aumos.packs.data_pipeline.dataset_use

purposes := {"training", "tuning", "evaluation", "retrieval"}

# Article 6(1) of Regulation (EU) 2016/679, points (a) to (f).
lawful_bases := {
	"consent",
	"contract",
	"legal_obligation",
	"vital_interests",
	"public_task",
	"legitimate_interests",
}

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

identified if {
	has_text(input.dataset.id)
	has_text(input.dataset.owner)
}

origin_known if {
	has_text(input.dataset.source)
	has_text(input.dataset.licence)
}

purpose_known if input.use.purpose in purposes

purpose_approved if input.use.purpose in input.dataset.approved_purposes

unchanged if {
	has_text(input.dataset.digest)
	input.dataset.digest == input.dataset.stored_digest
}

measured if {
	is_array(input.quality)
	count(input.quality) > 0
}

failed contains number if {
	some number, measure in input.quality
	not good(measure)
}

good(measure) if {
	has_text(measure.name)
	is_number(measure.value)
	is_number(measure.minimum)
	measure.value >= measure.minimum
}

retention_set if {
	is_number(input.dataset.retention_days)
	input.dataset.retention_days > 0
}

personal_data_stated if is_boolean(input.dataset.personal_data)

personal if input.dataset.personal_data == true

lawful if input.privacy.lawful_basis in lawful_bases

special_category_covered if input.privacy.special_category == false

special_category_covered if {
	input.privacy.special_category == true
	has_text(input.privacy.special_category_ground)
}

default allow := false

allow if count(violations) == 0

violations contains "dataset_unidentified: dataset.id and dataset.owner must be stated" if not identified

violations contains "origin_unknown: Source and licence of the dataset must be recorded" if not origin_known

violations contains "purpose_unknown: use.purpose must be training, tuning, evaluation or retrieval" if not purpose_known

violations contains "purpose_unapproved: The dataset is not approved for this purpose" if {
	purpose_known
	not purpose_approved
}

violations contains "content_changed: The stored content does not match the recorded digest" if not unchanged

violations contains "quality_unmeasured: quality must list at least one measure" if not measured

violations contains "quality_low: A measure of quality is under its minimum, or has none" if count(failed) > 0

violations contains "retention_unset: The dataset needs a retention period in days" if not retention_set

violations contains "personal_data_unstated: dataset.personal_data must be true or false" if not personal_data_stated

violations contains "basis_missing: Personal data needs a lawful basis" if {
	personal
	not lawful
}

violations contains "special_category_open: Special categories need a ground of their own, or must be ruled out" if {
	personal
	not special_category_covered
}

violations contains "identifiable: Personal data must be de-identified before a pipeline uses it" if {
	personal
	not input.privacy.deidentified == true
}
