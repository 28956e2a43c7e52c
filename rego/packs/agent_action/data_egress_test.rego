package aumos.packs_test.agent_action.data_egress

import data.aumos.packs.agent_action.data_egress as policy
import data.aumos.packs_testing as testing

fetch := {
	"agent": {"id": "agent-7"},
	"request": {"url": "https://example.org/search?q=1"},
	"data": {"classification": "public", "bytes": 1000, "secrets_found": 0, "personal_data": false},
	"egress": {"hosts": ["example.org"], "max_bytes": 1000, "classes": ["public"]},
}

sound := [fetch, object.union(fetch, {"data": {"personal_data": true}, "egress": {"personal_data": true}})]

flaws := {
	"agent_unidentified": [[0, {"agent": {"id": ""}}]],
	"address_unsound": [
		[0, {"request": {"url": "http://example.org/"}}],
		[0, {"request": {"url": "https://user@example.org/"}}],
		[0, {"request": {"url": "https://example.org:8443/"}}],
		[0, {"request": {"url": "https://example.org\\@example.net/"}}],
		[0, {"request": {"url": "https://EXAMPLE.ORG/"}}],
		[0, {"request": {"url": "https://localhost/"}}],
	],
	"host_unlisted": [
		[0, {"request": {"url": "https://example.net/"}}],
		[0, {"request": {"url": "https://notexample.org/"}}],
		[0, {"request": {"url": "https://example.org.example.net/"}}],
		[0, {"egress": {"hosts": []}}],
		[0, {"egress": {"hosts": [""]}}],
	],
	"unclassified": [[0, {"data": {"classification": "open"}}]],
	"class_kept_in": [[0, {"data": {"classification": "internal"}}]],
	"too_much": [
		[0, {"data": {"bytes": 1001}}],
		[0, {"data": {"bytes": -1}}],
		[0, {"egress": {"max_bytes": "any"}}],
	],
	"secret_found": [[0, {"data": {"secrets_found": 1}}]],
	"personal_data_kept_in": [[0, {"data": {"personal_data": true}}], [1, {"egress": {"personal_data": false}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("agent_action", "data_egress", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("agent_action", "data_egress", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("agent_action", "data_egress", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false

test_a_listed_host_stands_for_what_is_below_it if {
	every url in ["https://example.org", "https://api.example.org/v1", "https://example.org#top"] {
		policy.allow with input as object.union(fetch, {"request": {"url": url}})
	}
}
