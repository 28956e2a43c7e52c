package aumos.packs_test.agent_action.tool_call

import data.aumos.packs.agent_action.tool_call as policy
import data.aumos.packs_testing as testing

search := {
	"agent": {"id": "agent-7", "owner": "user-1"},
	"grant": {"tools": ["web_search", "file_delete"], "purposes": ["research"], "expired": false},
	"tool": {"name": "web_search", "destructive": false},
	"call": {"id": "call-1", "purpose": "research", "depth": 5},
}

deletion := object.union(search, {
	"tool": {"name": "file_delete", "destructive": true},
	"approval": {"granted": true, "actor": "user-2", "actor_type": "person", "call": "call-1"},
})

sound := [search, deletion]

flaws := {
	"agent_unidentified": [[0, {"agent": {"id": ""}}], [0, {"agent": {"owner": ""}}], [0, {"call": {"id": ""}}]],
	"tool_ungranted": [[0, {"tool": {"name": "sql_query"}}], [0, {"grant": {"tools": []}}]],
	"grant_expired": [[0, {"grant": {"expired": true}}]],
	"purpose_ungranted": [[0, {"call": {"purpose": "fun"}}]],
	"chain_too_deep": [[0, {"call": {"depth": 6}}], [0, {"call": {"depth": -1}}]],
	"nature_unstated": [[0, {"tool": {"destructive": "no"}}]],
	"approval_missing": [
		[0, {"tool": {"destructive": true}}],
		[1, {"approval": {"granted": false}}],
		[1, {"approval": {"actor": ""}}],
		[1, {"approval": {"actor_type": "agent"}}],
		[1, {"approval": {"call": "call-2"}}],
	],
}

test_sound_inputs_are_allowed if testing.all_allowed("agent_action", "tool_call", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("agent_action", "tool_call", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("agent_action", "tool_call", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
