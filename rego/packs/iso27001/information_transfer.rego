# METADATA
# title: Transfer of information to a model or tool
# description: |
#   Information goes to a model or tool only when it is classified, the receiver may hold that class, the
#   way is encrypted, personal data is masked or covered, and nothing of it is kept for training unless that
#   is agreed. Input: information (classification, personal_data, masked), receiver (id, highest_class,
#   external, agreement, keeps_data), channel (encrypted), sender (id).
# related_resources:
#   - ref: https://www.iso.org/standard/27001
#     description: ISO/IEC 27001:2022
package aumos.packs.iso27001.information_transfer

rank := {"public": 0, "internal": 1, "confidential": 2, "secret": 3}

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

sender_named if has_text(input.sender.id)

class := rank[input.information.classification]

highest := rank[input.receiver.highest_class]

receiver_known if {
	has_text(input.receiver.id)
	is_boolean(input.receiver.external)
	highest >= 0
}

agreed if {
	has_text(input.receiver.agreement.id)
	input.receiver.agreement.security_terms == true
}

personal_data_stated if is_boolean(input.information.personal_data)

default allow := false

allow if count(violations) == 0

violations contains "sender_unnamed: sender.id must name one person or workload" if not sender_named

violations contains "unclassified: information.classification must be public, internal, confidential or secret" if not class

violations contains "receiver_unknown: The receiver needs an id, a highest class and whether it is external" if {
	not receiver_known
}

violations contains "class_too_high: The receiver must not hold information of this class" if class > highest

violations contains "agreement_missing: An external receiver needs an agreement with security terms" if {
	input.receiver.external == true
	not agreed
}

violations contains "channel_open: The way to the receiver must be encrypted" if not input.channel.encrypted == true

violations contains "personal_data_unstated: information.personal_data must be true or false" if {
	not personal_data_stated
}

violations contains "personal_data_bare: Personal data leaves the organisation masked only" if {
	input.information.personal_data == true
	input.receiver.external == true
	not input.information.masked == true
}

violations contains "kept_by_receiver: The receiver must not keep what is more than public" if {
	class > 0
	not input.receiver.keeps_data == false
}
