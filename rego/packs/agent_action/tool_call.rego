# METADATA
# title: Tool call of an agent
# description: |
#   An agent calls only the tools that it was granted, for the purpose of its task, while its grant lasts, not
#   in an endless chain; a destructive call needs the approval of a person for that very call. The gate takes
#   the grant and the tool's nature from its own registers, never from the agent. Input: agent (id, owner),
#   grant (tools, purposes, expired), tool (name, destructive), call (id, purpose, depth), approval (granted,
#   actor, actor_type, call) for a destructive call.
package aumos.packs.agent_action.tool_call

# Agents that call agents: beyond this depth nobody can say who wanted the call.
deepest_chain := 5

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

identified if {
	has_text(input.agent.id)
	has_text(input.agent.owner)
	has_text(input.call.id)
}

granted if input.tool.name in input.grant.tools

nature_stated if is_boolean(input.tool.destructive)

purpose_granted if input.call.purpose in input.grant.purposes

chain_short if {
	is_number(input.call.depth)
	input.call.depth >= 0
	input.call.depth <= deepest_chain
}

approved_by_person if {
	input.approval.granted == true
	input.approval.actor_type == "person"
	has_text(input.approval.actor)
	input.approval.call == input.call.id
}

default allow := false

allow if count(violations) == 0

violations contains "agent_unidentified: agent.id, agent.owner and call.id must be stated" if not identified

violations contains "tool_ungranted: The agent was not granted this tool" if not granted

violations contains "grant_expired: The agent's grant has ended, or it is not said that it lasts" if {
	not input.grant.expired == false
}

violations contains "purpose_ungranted: The call does not serve a purpose of the grant" if not purpose_granted

violations contains "chain_too_deep: call.depth must be 0 to 5" if not chain_short

violations contains "nature_unstated: tool.destructive must be true or false" if not nature_stated

violations contains "approval_missing: A destructive call needs the approval of a person for that very call" if {
	input.tool.destructive == true
	not approved_by_person
}
