package aumos.governance.agent_tool_call_test

import data.aumos.governance.agent_tool_call

search := {
	"agent": {"id": "agent-7", "role": "researcher"},
	"tool": {"name": "web_search"},
	"cost_usd": 0.2,
	"spent_today_usd": 3,
	"egress_domains": ["arxiv.org"],
}

wipe := {
	"agent": {"id": "agent-9", "role": "operator"},
	"tool": {"name": "database_delete"},
	"cost_usd": 0,
	"spent_today_usd": 0,
	"egress_domains": [],
}

approval := {"granted": true, "actor_type": "person", "actor_id": "user-3"}

call(changes) := object.union(search, changes)

amounts_missing := {"cost_usd and spent_today_usd must be numbers of at least 0"}

refused(document, messages) if {
	agent_tool_call.allow == false with input as document
	agent_tool_call.violations == messages with input as document
}

allowed(document) if {
	agent_tool_call.allow with input as document
	agent_tool_call.violations == set() with input as document
}

test_every_role_may_call_its_own_tools if {
	every role, tools in {
		"researcher": {"web_search", "document_read"},
		"analyst": {"document_read", "sql_query", "spreadsheet_write"},
		"developer": {"code_search", "code_run", "repository_write", "file_delete"},
		"operator": {"document_read", "service_restart", "database_delete", "payment_send"},
	} {
		every tool in tools {
			allowed(call({"agent": {"role": role}, "tool": {"name": tool}, "approval": approval}))
		}
	}
}

test_every_role_has_limits if {
	every role, _ in agent_tool_call.tools_of_role {
		agent_tool_call.limits_of_role[role].call <= agent_tool_call.limits_of_role[role].day
	}
}

test_a_tool_of_another_role_is_refused if {
	refused(call({"tool": {"name": "sql_query"}}), {"Tool sql_query is not on the list of role researcher"})
}

test_an_unknown_role_is_refused if {
	refused(call({"agent": {"role": "intern"}}), {`Agent role "intern" is not known`})
}

test_a_call_at_the_limit_is_allowed if {
	allowed(call({"cost_usd": 1}))
	allowed(call({"cost_usd": 1, "spent_today_usd": 19}))
}

test_a_call_over_the_limit_of_one_call_is_refused if {
	refused(call({"cost_usd": 1.5}), {"A call of 1.5 USD is over the limit of 1 USD for role researcher"})
}

test_a_call_over_the_limit_of_the_day_is_refused if {
	refused(
		call({"cost_usd": 0.5, "spent_today_usd": 19.75}),
		{"The call takes the day's spending over 20 USD for role researcher"},
	)
}

test_amounts_must_be_stated_and_not_negative if {
	every changes in [{"cost_usd": -1}, {"cost_usd": "free"}, {"spent_today_usd": null}, {"spent_today_usd": -5}] {
		refused(call(changes), amounts_missing)
	}
	refused(object.remove(search, ["cost_usd"]), amounts_missing)
}

test_egress_to_a_listed_domain_and_below_it_is_allowed if {
	allowed(call({"egress_domains": ["en.wikipedia.org", "eur-lex.europa.eu", "github.com"]}))
}

test_egress_elsewhere_is_refused_domain_by_domain if {
	refused(
		call({"egress_domains": ["arxiv.org", "example.org", "notarxiv.org"]}),
		{"Egress to example.org is not allowed", "Egress to notarxiv.org is not allowed"},
	)
}

test_egress_to_what_only_ends_like_a_listed_domain_is_refused if {
	every domain in ["example.org/.github.com", "user@x.github.com", ".github.com", "X.GITHUB.COM", 7] {
		refused(call({"egress_domains": [domain]}), {sprintf("Egress to %v is not allowed", [domain])})
	}
}

test_egress_must_be_a_list if {
	every document in [call({"egress_domains": "example.org"}), object.remove(search, ["egress_domains"])] {
		refused(document, {"egress_domains must be a list, empty when the call stays inside"})
	}
}

test_a_destructive_tool_needs_the_approval_of_a_person if {
	needed := {"Tool database_delete is destructive and needs the approval of a person"}
	allowed(object.union(wipe, {"approval": approval}))
	refused(wipe, needed)
	every changes in [{"granted": false}, {"actor_type": "agent"}, {"actor_id": "agent-9"}] {
		refused(object.union(wipe, {"approval": object.union(approval, changes)}), needed)
	}
	refused(object.union(wipe, {"approval": object.remove(approval, ["actor_id"])}), needed)
}

test_a_caller_cannot_call_a_destructive_tool_harmless if {
	refused(
		object.union(wipe, {"tool": {"destructive": false}}),
		{"Tool database_delete is destructive and needs the approval of a person"},
	)
}

test_a_tool_declared_destructive_needs_approval_too if {
	declared := call({"tool": {"destructive": true}})
	refused(declared, {"Tool web_search is destructive and needs the approval of a person"})
	allowed(object.union(declared, {"approval": approval}))
}

test_an_input_that_is_no_object_is_refused if {
	every document in [[], "text", null, 7] {
		agent_tool_call.allow == false with input as document
		"The input must be an object" in agent_tool_call.violations with input as document
	}
	agent_tool_call.allow == false
}

test_parts_of_another_shape_are_refused if {
	every document in [{}, {"agent": "text", "tool": []}] {
		agent_tool_call.allow == false with input as document
		count(agent_tool_call.violations) > 0 with input as document
	}
}
