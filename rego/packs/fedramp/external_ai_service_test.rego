package aumos.packs_test.fedramp.external_ai_service

import data.aumos.packs.fedramp.external_ai_service as policy
import data.aumos.packs_testing as testing

inside := {
	"data": {"impact_level": "moderate"},
	"service": {
		"id": "gov-llm",
		"authorized_level": "moderate",
		"authorization_current": true,
		"in_inventory": true,
		"in_boundary": true,
		"trains_on_data": false,
	},
	"interface": {"fips_validated": true},
	"vulnerabilities": {"days_since_scan": 30, "high_overdue": 0},
	"requester": {"id": "user-1", "mfa": true},
}

sound := [inside, object.union(inside, {"service": {"in_boundary": false}, "interface": {"monitored": true}})]

flaws := {
	"level_unknown": [[0, {"data": {"impact_level": "li-saas"}}]],
	"service_unnamed": [[0, {"service": {"id": ""}}]],
	"service_unauthorized": [
		[0, {"service": {"authorization_current": false}}],
		[0, {"service": {"authorized_level": "none"}}],
		[0, {"service": {"authorized_level": "low", "authorization_current": false}}],
	],
	"level_too_high": [[0, {"data": {"impact_level": "high"}}], [0, {"service": {"authorized_level": "low"}}]],
	"not_in_inventory": [[0, {"service": {"in_inventory": false}}]],
	"boundary_open": [[0, {"service": {"in_boundary": false}}], [1, {"interface": {"monitored": false}}]],
	"cryptography_unvalidated": [[0, {"interface": {"fips_validated": false}}]],
	"trains_on_data": [[0, {"service": {"trains_on_data": true}}]],
	"scan_overdue": [
		[0, {"vulnerabilities": {"days_since_scan": 31}}],
		[0, {"vulnerabilities": {"days_since_scan": -1}}],
	],
	"remediation_overdue": [[0, {"vulnerabilities": {"high_overdue": 1}}]],
	"requester_unidentified": [[0, {"requester": {"id": ""}}], [0, {"requester": {"mfa": false}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("fedramp", "external_ai_service", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("fedramp", "external_ai_service", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("fedramp", "external_ai_service", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
