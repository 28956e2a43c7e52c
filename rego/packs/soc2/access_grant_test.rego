package aumos.packs_test.soc2.access_grant

import data.aumos.packs.soc2.access_grant as policy
import data.aumos.packs_testing as testing

plain := {
	"subject": {"id": "svc-report", "kind": "workload", "shared": false},
	"right": {"name": "read:metrics", "privileged": false, "valid_days": 365},
	"role_rights": ["read:metrics", "pay:approve"],
	"held_rights": ["pay:submit"],
	"incompatible": [["pay:submit", "pay:approve"]],
	"approval": {"actor": "user-2", "granted": true},
}

privileged := object.union(plain, {
	"subject": {"id": "user-1", "kind": "person"},
	"right": {"privileged": true, "valid_days": 90},
	"mfa": {"enrolled": true},
})

sound := [plain, privileged]

flaws := {
	"subject_unidentified": [
		[0, {"subject": {"id": ""}}],
		[0, {"subject": {"kind": "team"}}],
		[0, {"subject": {"shared": true}}],
	],
	"right_unstated": [[0, {"right": {"privileged": "no"}}], [0, {"right": {"name": ""}, "role_rights": [""]}]],
	"outside_role": [[0, {"role_rights": []}], [0, {"right": {"name": "write:metrics"}}]],
	"unlimited": [
		[0, {"right": {"valid_days": 366}}],
		[0, {"right": {"valid_days": 0}}],
		[1, {"right": {"valid_days": 91}}],
	],
	"approval_missing": [
		[0, {"approval": {"granted": false}}],
		[0, {"approval": {"actor": ""}}],
		[0, {"approval": {"actor": "svc-report", "granted": false}}],
	],
	"own_approval": [[0, {"approval": {"actor": "svc-report"}}]],
	"duties_unstated": [[0, {"held_rights": "none"}], [0, {"incompatible": null}]],
	"duties_in_conflict": [[0, {"right": {"name": "pay:approve"}}]],
	"mfa_missing": [[1, {"mfa": {"enrolled": false}}]],
}

test_sound_inputs_are_allowed if testing.all_allowed("soc2", "access_grant", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("soc2", "access_grant", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("soc2", "access_grant", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false

test_the_same_right_again_is_no_conflict if {
	policy.allow with input as object.union(plain, {
		"right": {"name": "pay:submit"},
		"role_rights": ["pay:submit"],
	})
}

test_a_right_that_meets_none_of_its_pair_is_no_conflict if {
	policy.allow with input as object.union(plain, {"right": {"name": "pay:approve"}, "held_rights": ["read:logs"]})
}

test_more_than_one_factor_is_asked_of_people_with_privileged_rights_alone if {
	policy.allow with input as object.union(plain, {"subject": {"kind": "person"}})
	policy.allow with input as object.union(plain, {"right": {"privileged": true, "valid_days": 90}})
}
