package aumos.packs_test.iso27001.information_transfer

import data.aumos.packs.iso27001.information_transfer as policy
import data.aumos.packs_testing as testing

inside := {
	"sender": {"id": "svc-chat"},
	"information": {"classification": "confidential", "personal_data": false},
	"receiver": {"id": "own-model", "highest_class": "confidential", "external": false, "keeps_data": false},
	"channel": {"encrypted": true},
}

outside := object.union(inside, {
	"information": {"personal_data": true, "masked": true},
	"receiver": {"external": true, "agreement": {"id": "dpa-2", "security_terms": true}},
})

sound := [inside, outside]

flaws := {
	"sender_unnamed": [[0, {"sender": {"id": ""}}]],
	"unclassified": [[0, {"information": {"classification": "restricted"}}]],
	"receiver_unknown": [
		[0, {"receiver": {"id": " "}}],
		[0, {"receiver": {"highest_class": "all"}}],
		[0, {"receiver": {"external": "no"}}],
	],
	"class_too_high": [
		[0, {"information": {"classification": "secret"}}],
		[1, {"receiver": {"highest_class": "public"}}],
	],
	"agreement_missing": [
		[1, {"receiver": {"agreement": {"id": ""}}}],
		[1, {"receiver": {"agreement": {"security_terms": false}}}],
	],
	"channel_open": [[0, {"channel": {"encrypted": false}}]],
	"personal_data_unstated": [[0, {"information": {"personal_data": "some"}}]],
	"personal_data_bare": [[1, {"information": {"masked": false}}]],
	"kept_by_receiver": [[0, {"receiver": {"keeps_data": true}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("iso27001", "information_transfer", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("iso27001", "information_transfer", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("iso27001", "information_transfer", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false

test_public_information_may_be_kept if {
	policy.allow with input as object.union(inside, {
		"information": {"classification": "public"},
		"receiver": {"highest_class": "public", "keeps_data": true},
	})
}

test_only_personal_data_that_leaves_is_masked if {
	policy.allow with input as object.union(inside, {"information": {"personal_data": true}})
	policy.allow with input as object.union(outside, {"information": {"personal_data": false, "masked": false}})
}
