package aumos.packs_test.sox.journal_entry

import data.aumos.packs.sox.journal_entry as policy
import data.aumos.packs_testing as testing

automatic := {
	"entry": {
		"id": "je-1",
		"manual": false,
		"period_open": true,
		"support": "invoice-77",
		"lines": [
			{"account": "6000", "debit": 1200, "credit": 0},
			{"account": "2000", "debit": 0, "credit": 1200},
		],
	},
	"limit": 1200,
	"preparer": {"id": "agent-7"},
}

manual := object.union(automatic, {
	"entry": {"manual": true},
	"approval": {"granted": true, "actor_type": "person", "actor": "user-2"},
})

with_first_line(changes) := {"entry": {"lines": [
	object.union(automatic.entry.lines[0], changes),
	automatic.entry.lines[1],
]}}

sound := [automatic, manual]

flaws := {
	"entry_unidentified": [
		[0, {"entry": {"id": ""}}],
		[0, {"preparer": {"id": ""}}],
		[0, {"entry": {"manual": "no"}}],
	],
	"lines_unsound": [
		[0, {"entry": {"lines": []}}],
		[0, {"entry": {"lines": {"a": automatic.entry.lines[0], "b": automatic.entry.lines[1]}}}],
		[0, {"entry": {"lines": [automatic.entry.lines[0]]}}],
		[0, with_first_line({"account": ""})],
		[0, with_first_line({"debit": "1200"})],
		[0, with_first_line({"debit": -1200})],
		[0, with_first_line({"credit": null})],
	],
	"unbalanced": [[0, with_first_line({"debit": 1199})]],
	"period_closed": [[0, {"entry": {"period_open": false}}]],
	"support_missing": [[0, {"entry": {"support": " "}}]],
	"limit_unstated": [[0, {"limit": -1}], [0, {"limit": "high"}]],
	"approval_missing": [
		[0, {"limit": 1199}],
		[0, {"entry": {"manual": true}}],
		[1, {"approval": {"granted": false}}],
		[1, {"approval": {"actor_type": "agent"}}],
		[1, {"approval": {"actor": "agent-7"}}],
		[1, {"approval": {"actor": ""}}],
	],
}

test_sound_inputs_are_allowed if testing.all_allowed("sox", "journal_entry", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("sox", "journal_entry", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("sox", "journal_entry", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false

test_a_large_entry_is_posted_with_an_approval if {
	policy.allow with input as object.union(manual, {"entry": {"manual": false}, "limit": 0})
}
