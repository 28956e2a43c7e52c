# METADATA
# title: Deletion of a dataset
# description: |
#   A dataset is deleted when nothing holds it, no version in use rests on it, its owner's side and somebody
#   else agree, and its deletion can be shown. A request of a data subject or the end of retention is a reason.
#   Input: dataset (id, legal_hold, used_by), deletion (reason, requested_by, proof_planned), approval (actor,
#   granted).
package aumos.packs.data_pipeline.dataset_deletion

reasons := {"retention_ended", "data_subject_request", "contract_ended", "quality"}

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

identified if {
	has_text(input.dataset.id)
	has_text(input.deletion.requested_by)
}

reason_known if input.deletion.reason in reasons

dependents_listed if is_array(input.dataset.used_by)

# A person's right to erasure does not wait for a model; retraining it follows.
may_leave_dependents if input.deletion.reason == "data_subject_request"

approved if {
	has_text(input.approval.actor)
	input.approval.granted == true
}

approved_by_requester if {
	approved
	input.approval.actor == input.deletion.requested_by
}

default allow := false

allow if count(violations) == 0

violations contains "deletion_unidentified: dataset.id and deletion.requested_by must be stated" if not identified

violations contains "reason_unknown: The reason is not one for which data is deleted" if not reason_known

violations contains "on_hold: A legal hold keeps the dataset, or it is not said that none does" if {
	not input.dataset.legal_hold == false
}

violations contains "dependents_unlisted: dataset.used_by must be a list, empty when nothing uses it" if {
	not dependents_listed
}

violations contains "in_use: A version in use rests on the dataset" if {
	dependents_listed
	count(input.dataset.used_by) > 0
	not may_leave_dependents
}

violations contains "approval_missing: The deletion is not approved" if not approved

violations contains "own_approval: Nobody approves a deletion that they asked for" if approved_by_requester

violations contains "proof_unplanned: It is not planned how the deletion is shown" if {
	not input.deletion.proof_planned == true
}
