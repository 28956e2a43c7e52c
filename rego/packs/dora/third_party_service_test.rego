package aumos.packs_test.dora.third_party_service

import data.aumos.packs.dora.third_party_service as policy
import data.aumos.packs_testing as testing

plain := {
	"service": {"id": "llm-api", "critical": false, "in_register": true, "assessed": true},
	"contract": {"id": "k-1", "locations": ["eu-west", "eu-north"], "data_protection": true, "service_levels": true},
	"request": {"location": "eu-west"},
}

critical := object.union(plain, {
	"service": {"critical": true},
	"contract": {"audit_rights": true},
	"exit": {"strategy": true, "tested": true},
	"concentration": {"assessed": true},
})

sound := [plain, critical]

flaws := {
	"service_unknown": [[0, {"service": {"id": ""}}], [0, {"service": {"critical": "no"}}]],
	"not_in_register": [[0, {"service": {"in_register": false}}]],
	"unassessed": [[0, {"service": {"assessed": false}}]],
	"contract_missing": [[0, {"contract": {"id": ""}}]],
	"locations_missing": [[0, {"contract": {"locations": []}}], [0, {"contract": {"locations": "eu-west"}}]],
	"location_elsewhere": [[0, {"request": {"location": "us-east"}}]],
	"data_protection_missing": [[0, {"contract": {"data_protection": false}}]],
	"service_levels_missing": [[0, {"contract": {"service_levels": false}}]],
	"audit_rights_missing": [[1, {"contract": {"audit_rights": false}}]],
	"exit_missing": [[1, {"exit": {"strategy": false}}], [1, {"exit": {"tested": false}}]],
	"concentration_unassessed": [[1, {"concentration": {"assessed": false}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("dora", "third_party_service", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("dora", "third_party_service", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("dora", "third_party_service", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
