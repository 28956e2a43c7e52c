# METADATA
# title: Data that an agent sends out
# description: |
#   An agent sends data only to hosts on its list, encrypted, of a class that may leave, without secrets, and
#   no more than its limit. A host stands for itself and everything below it. The gate takes list, limit,
#   class and the scan's finding from its own registers. Input: agent (id), request (url), data (classification,
#   bytes, secrets_found, personal_data), egress (hosts, max_bytes, classes, personal_data).
package aumos.packs.agent_action.data_egress

classes := {"public", "internal", "confidential", "secret"}

# A plain https address: what hides another host (a user part, a port, an odd name) is refused.
address := `^https://([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?:[/?#].*)?$`

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

identified if has_text(input.agent.id)

host := found[0][1] if {
	is_string(input.request.url)
	found := regex.find_all_string_submatch_n(address, input.request.url, 1)
}

host_listed if host in input.egress.hosts

host_listed if {
	some listed in input.egress.hosts
	has_text(listed)
	endswith(host, concat("", [".", listed]))
}

classified if input.data.classification in classes

class_may_leave if input.data.classification in input.egress.classes

small_enough if {
	is_number(input.data.bytes)
	is_number(input.egress.max_bytes)
	input.data.bytes >= 0
	input.data.bytes <= input.egress.max_bytes
}

personal_data_covered if input.data.personal_data == false

personal_data_covered if {
	input.data.personal_data == true
	input.egress.personal_data == true
}

default allow := false

allow if count(violations) == 0

violations contains "agent_unidentified: agent.id must be stated" if not identified

violations contains "address_unsound: request.url must be a plain https address" if not host

violations contains "host_unlisted: The host is not on the agent's list" if {
	host
	not host_listed
}

violations contains "unclassified: data.classification must be public, internal, confidential or secret" if {
	not classified
}

violations contains "class_kept_in: Data of this class may not leave" if {
	classified
	not class_may_leave
}

violations contains "too_much: More bytes are sent than the agent may send, or the sizes are not stated" if {
	not small_enough
}

violations contains "secret_found: The data holds a credential or key, or was not scanned for one" if {
	not input.data.secrets_found == 0
}

violations contains "personal_data_kept_in: Personal data may not leave, or it is not said that there is none" if {
	not personal_data_covered
}
