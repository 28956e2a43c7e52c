package aumos.packs_test.eu_ai_act.content_transparency

import data.aumos.packs.eu_ai_act.content_transparency as policy
import data.aumos.packs_testing as testing

sound := [
	{"output": {"kind": "conversation", "people_informed": true}},
	{"output": {"kind": "synthetic_content", "machine_readable_mark": true}},
	{"output": {"kind": "emotion_recognition", "people_informed": true}},
	{"output": {"kind": "biometric_categorisation", "people_informed": true}},
	{"output": {"kind": "deep_fake", "machine_readable_mark": true, "disclosed": true}},
	{"output": {"kind": "public_interest_text", "disclosed": true}},
	{"output": {"kind": "public_interest_text", "editorial_responsibility": true}},
]

flaws := {
	"kind_unknown": [[0, {"output": {"kind": "poem"}}]],
	"machine_unannounced": [[0, {"output": {"people_informed": false}}]],
	"mark_missing": [
		[1, {"output": {"machine_readable_mark": false}}],
		[4, {"output": {"machine_readable_mark": "visible"}}],
	],
	"people_uninformed": [[2, {"output": {"people_informed": false}}], [3, {"output": {"people_informed": false}}]],
	"deep_fake_undisclosed": [[4, {"output": {"disclosed": false}}]],
	"text_undisclosed": [
		[5, {"output": {"disclosed": false}}],
		[6, {"output": {"editorial_responsibility": false}}],
	],
}

test_sound_inputs_are_allowed if testing.all_allowed("eu_ai_act", "content_transparency", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("eu_ai_act", "content_transparency", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("eu_ai_act", "content_transparency", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
