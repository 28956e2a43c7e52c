# METADATA
# title: Promotion of a model version
# description: |
#   A version moves one stage at a time, with every metric at its threshold on data held out from training,
#   known datasets, a model card, a cleared licence, a verified artifact, an approval by somebody else and a
#   version to go back to. Input: model (id, version, author), promotion (from, to), evaluation (test_set,
#   training_sets, metrics: each name, value, threshold, better: higher or lower), lineage (datasets: each
#   id, digest_verified), model_card (version), licence (cleared), artifact (signature_verified), and for
#   production approval (actor, granted) and fallback_version.
package aumos.packs.model_promotion.promotion

next_stage := {"development": "staging", "staging": "production"}

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

named if {
	has_text(input.model.id)
	has_text(input.model.version)
	has_text(input.model.author)
}

in_order if next_stage[input.promotion.from] == input.promotion.to

to_production if input.promotion.to == "production"

metrics_stated if {
	is_array(input.evaluation.metrics)
	count(input.evaluation.metrics) > 0
}

failed contains number if {
	some number, metric in input.evaluation.metrics
	not reached(metric)
}

reached(metric) if {
	comparable(metric)
	metric.better == "higher"
	metric.value >= metric.threshold
}

reached(metric) if {
	comparable(metric)
	metric.better == "lower"
	metric.value <= metric.threshold
}

comparable(metric) if {
	has_text(metric.name)
	is_number(metric.value)
	is_number(metric.threshold)
}

held_out if {
	has_text(input.evaluation.test_set)
	is_array(input.evaluation.training_sets)
	count(input.evaluation.training_sets) > 0
	not trained_on_test_set
}

trained_on_test_set if input.evaluation.test_set in input.evaluation.training_sets

lineage_stated if {
	is_array(input.lineage.datasets)
	count(input.lineage.datasets) > 0
}

unverified contains number if {
	some number, dataset in input.lineage.datasets
	not dataset.digest_verified == true
}

card_matches if {
	has_text(input.model_card.version)
	input.model_card.version == input.model.version
}

approved if {
	has_text(input.approval.actor)
	input.approval.granted == true
}

approved_by_author if {
	approved
	input.approval.actor == input.model.author
}

can_go_back if {
	has_text(input.fallback_version)
	input.fallback_version != input.model.version
}

default allow := false

allow if count(violations) == 0

violations contains "version_unnamed: model.id, model.version and model.author must be stated" if not named

violations contains "stage_skipped: A version goes from development to staging and from staging to production" if {
	not in_order
}

violations contains "metrics_missing: evaluation.metrics must list at least one metric" if not metrics_stated

violations contains "threshold_missed: A metric misses its threshold, or has none" if count(failed) > 0

violations contains "test_set_seen: The version is evaluated on data held out from every training set" if not held_out

violations contains "lineage_missing: lineage.datasets must list the datasets behind the version" if not lineage_stated

violations contains "dataset_unverified: The content of a dataset does not match its recorded digest" if {
	count(unverified) > 0
}

violations contains "model_card_missing: The model card of this version is missing" if {
	named
	not card_matches
}

violations contains "licence_uncleared: The licence does not cover the use" if not input.licence.cleared == true

violations contains "artifact_unsigned: The signature of the artifact is not verified" if {
	not input.artifact.signature_verified == true
}

violations contains "approval_missing: Production needs an approval" if {
	to_production
	not approved
}

violations contains "own_approval: Nobody approves a version of their own" if approved_by_author

violations contains "fallback_missing: Production needs another version to go back to" if {
	to_production
	not can_go_back
}
