package aumos.packs_test.iso42001.system_release

import data.aumos.packs.iso42001.system_release as policy
import data.aumos.packs_testing as testing

release := {
	"system": {"id": "triage", "version": "2.1", "intended_use": "order tickets by urgency"},
	"assessments": {
		"impact": {"version": "2.1", "approved": true},
		"risk": {"version": "2.1", "approved": true},
	},
	"validation": {"version": "2.1", "criteria_set_before": true, "passed": true},
	"documentation": {"version": "2.1", "technical": true, "users": true},
	"data": {"provenance_recorded": true, "quality_checked": true},
	"roles": {"owner": "user-1", "approver": "user-2", "author": "user-3"},
	"operation": {"event_logs": true, "monitoring_plan": true},
	"suppliers": [],
}

sound := [release, object.union(release, {"suppliers": [{"id": "s-1", "responsibilities_agreed": true}]})]

flaws := {
	"version_unnamed": [[0, {"system": {"id": " "}}], [0, {"system": {"version": ""}}]],
	"intended_use_missing": [[0, {"system": {"intended_use": ""}}]],
	"impact_unassessed": [
		[0, {"assessments": {"impact": {"version": "2.0"}}}],
		[0, {"assessments": {"impact": {"approved": false}}}],
	],
	"risk_unassessed": [
		[0, {"assessments": {"risk": {"version": "2.0"}}}],
		[0, {"assessments": {"risk": {"approved": false}}}],
	],
	"validation_missing": [
		[0, {"validation": {"version": "2.0"}}],
		[0, {"validation": {"criteria_set_before": false}}],
		[0, {"validation": {"passed": false}}],
	],
	"technical_documentation_missing": [[0, {"documentation": {"technical": false}}]],
	"user_documentation_missing": [[0, {"documentation": {"users": false}}]],
	"provenance_missing": [[0, {"data": {"provenance_recorded": false}}]],
	"quality_unchecked": [[0, {"data": {"quality_checked": false}}]],
	"roles_vacant": [
		[0, {"roles": {"owner": ""}}],
		[0, {"roles": {"approver": ""}}],
		[0, {"roles": {"author": ""}}],
		[0, {"roles": {"approver": "", "author": ""}}],
	],
	"own_approval": [[0, {"roles": {"approver": "user-3"}}]],
	"event_logs_missing": [[0, {"operation": {"event_logs": false}}]],
	"monitoring_missing": [[0, {"operation": {"monitoring_plan": false}}]],
	"suppliers_unlisted": [[0, {"suppliers": "none"}]],
	"responsibilities_open": [
		[0, {"suppliers": [{"id": "s-1", "responsibilities_agreed": false}]}],
		[0, {"suppliers": [{"id": "s-1"}]}],
		[0, {"suppliers": ["s-1"]}],
	],
}

test_sound_inputs_are_allowed if testing.all_allowed("iso42001", "system_release", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("iso42001", "system_release", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("iso42001", "system_release", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false

test_documentation_of_another_version_counts_for_nobody if {
	found := testing.refusing(
		"iso42001", "system_release",
		object.union(release, {"documentation": {"version": "2.0"}}),
	)
	found == {"technical_documentation_missing", "user_documentation_missing"}
}
