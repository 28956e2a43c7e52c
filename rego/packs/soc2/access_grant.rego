# METADATA
# title: Grant of a right
# description: |
#   A right is granted to one identified subject, by its role, for a time, after another person approved it,
#   and never so that one subject holds duties that must stay apart. Input: subject (id, kind, shared), right
#   (name, privileged, valid_days), role_rights, held_rights, incompatible (pairs of rights), approval (actor,
#   granted), mfa (enrolled) for a privileged right of a person.
# related_resources:
#   - ref: https://www.aicpa-cima.com/resources/download/2017-trust-services-criteria-with-revised-points-of-focus-2022
#     description: Trust Services Criteria
package aumos.packs.soc2.access_grant

# Days: a privileged right is asked for again each quarter, any other each year.
longest_privileged := 90

longest := 365

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

identified if {
	has_text(input.subject.id)
	input.subject.kind in {"person", "workload"}
	input.subject.shared == false
}

right_stated if {
	has_text(input.right.name)
	is_boolean(input.right.privileged)
}

in_role if input.right.name in input.role_rights

privileged if input.right.privileged == true

limited if {
	privileged
	within(longest_privileged)
}

limited if {
	input.right.privileged == false
	within(longest)
}

within(days) if {
	is_number(input.right.valid_days)
	input.right.valid_days > 0
	input.right.valid_days <= days
}

approved if {
	has_text(input.approval.actor)
	input.approval.granted == true
}

approved_by_holder if {
	approved
	input.approval.actor == input.subject.id
}

duties_stated if {
	is_array(input.held_rights)
	is_array(input.incompatible)
}

in_conflict if {
	some pair in input.incompatible
	input.right.name in pair
	some held in input.held_rights
	held != input.right.name
	held in pair
}

default allow := false

allow if count(violations) == 0

violations contains "subject_unidentified: The subject must be one identified person or workload" if not identified

violations contains "right_unstated: right.name and right.privileged must be stated" if not right_stated

violations contains "outside_role: The right does not belong to the subject's role" if not in_role

violations contains "unlimited: A right ends after 365 days at most, a privileged one after 90" if {
	right_stated
	not limited
}

violations contains "approval_missing: A right is approved before it is granted" if not approved

violations contains "own_approval: Nobody approves a right of their own" if approved_by_holder

violations contains "duties_unstated: held_rights and incompatible must be lists" if not duties_stated

violations contains "duties_in_conflict: The right must not meet one that the subject already holds" if in_conflict

violations contains "mfa_missing: A person with a privileged right needs more than one factor" if {
	privileged
	input.subject.kind == "person"
	not input.mfa.enrolled == true
}
