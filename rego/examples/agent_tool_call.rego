# METADATA
# title: Agent tool call
# description: |
#   An agent calls only the tools of its role, within its spending limits and towards known
#   domains; a destructive call needs the approval of a person. Input: agent (id, role),
#   tool (name, destructive), cost_usd, spent_today_usd, egress_domains, approval.
package aumos.governance.agent_tool_call

tools_of_role := {
	"researcher": {"web_search", "document_read"},
	"analyst": {"document_read", "sql_query", "spreadsheet_write"},
	"developer": {"code_search", "code_run", "repository_write", "file_delete"},
	"operator": {"document_read", "service_restart", "database_delete", "payment_send"},
}

# Known to destroy or to spend, whatever the caller says of them.
destructive_tools := {"file_delete", "database_delete", "payment_send", "service_restart"}

# US dollars: the dearest single call and the sum of a day.
limits_of_role := {
	"researcher": {"call": 1, "day": 20},
	"analyst": {"call": 5, "day": 50},
	"developer": {"call": 5, "day": 100},
	"operator": {"call": 100, "day": 500},
}

# A domain stands for itself and everything below it.
egress_allowlist := {"arxiv.org", "europa.eu", "github.com", "nist.gov", "wikipedia.org"}

role := object.get(input, ["agent", "role"], "")

tool := object.get(input, ["tool", "name"], "")

limits := limits_of_role[role]

cost := object.get(input, "cost_usd", null)

spent := object.get(input, "spent_today_usd", null)

egress_domains := object.get(input, "egress_domains", null)

is_amount(value) if {
	is_number(value)
	value >= 0
}

amounts_stated if {
	is_amount(cost)
	is_amount(spent)
}

destructive if tool in destructive_tools

destructive if input.tool.destructive == true

approved_by_person if {
	input.approval.granted == true
	input.approval.actor_type == "person"
	input.approval.actor_id != input.agent.id
}

# A plain host name: what else ends in an allowed domain (a path, a user part) is refused.
host_name(domain) if {
	is_string(domain)
	regex.match(`^([a-z0-9-]+\.)+[a-z]+$`, domain)
}

domain_allowed(domain) if domain in egress_allowlist

domain_allowed(domain) if {
	host_name(domain)
	some allowed in egress_allowlist
	endswith(domain, concat("", [".", allowed]))
}

default allow := false

# Without any input no violation can be found, so their absence alone proves nothing.
allow if {
	is_object(input)
	count(violations) == 0
}

violations contains msg if {
	not is_object(input)
	msg := "The input must be an object"
}

violations contains msg if {
	not tools_of_role[role]
	msg := sprintf(`Agent role "%v" is not known`, [role])
}

violations contains msg if {
	tools := tools_of_role[role]
	not tool in tools
	msg := sprintf("Tool %v is not on the list of role %v", [tool, role])
}

violations contains msg if {
	not amounts_stated
	msg := "cost_usd and spent_today_usd must be numbers of at least 0"
}

violations contains msg if {
	amounts_stated
	cost > limits.call
	msg := sprintf("A call of %v USD is over the limit of %v USD for role %v", [cost, limits.call, role])
}

violations contains msg if {
	amounts_stated
	spent + cost > limits.day
	msg := sprintf("The call takes the day's spending over %v USD for role %v", [limits.day, role])
}

violations contains msg if {
	not is_array(egress_domains)
	msg := "egress_domains must be a list, empty when the call stays inside"
}

violations contains msg if {
	some domain in egress_domains
	not domain_allowed(domain)
	msg := sprintf("Egress to %v is not allowed", [domain])
}

violations contains msg if {
	destructive
	not approved_by_person
	msg := sprintf("Tool %v is destructive and needs the approval of a person", [tool])
}
