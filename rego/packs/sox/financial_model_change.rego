# METADATA
# title: Change of a model that financial reporting rests on
# description: |
#   A model, prompt or rule that feeds financial reporting changes as any automated control does: documented,
#   tested, approved by another person and by the owner of the control, with a baseline to compare with, and
#   with the evidence kept. Input: change (id, author, deployer), control (id, owner, owner_approved), tests
#   (passed, compared_with_baseline), approval (actor, granted), evidence (stored).
# related_resources:
#   - ref: https://www.law.cornell.edu/uscode/text/15/7262
#     description: Sarbanes-Oxley Act, section 404
package aumos.packs.sox.financial_model_change

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

documented if {
	has_text(input.change.id)
	has_text(input.change.author)
	has_text(input.change.deployer)
}

control_named if {
	has_text(input.control.id)
	has_text(input.control.owner)
}

tested if {
	input.tests.passed == true
	input.tests.compared_with_baseline == true
}

approved if {
	has_text(input.approval.actor)
	input.approval.granted == true
}

approved_by_author if {
	approved
	input.approval.actor == input.change.author
}

deployed_by_author if {
	documented
	input.change.deployer == input.change.author
}

default allow := false

allow if count(violations) == 0

violations contains "change_undocumented: change.id, change.author and change.deployer must be stated" if not documented

violations contains "control_unnamed: The control over financial reporting and its owner must be named" if {
	not control_named
}

violations contains "tests_missing: The change must pass its tests and be compared with the baseline" if not tested

violations contains "approval_missing: The change is not approved" if not approved

violations contains "own_approval: Nobody approves a change of their own" if approved_by_author

violations contains "own_deployment: Who writes a change does not bring it into production" if deployed_by_author

violations contains "owner_unasked: The owner of the control has not approved the change" if {
	not input.control.owner_approved == true
}

violations contains "evidence_missing: The evidence of tests and approvals is not stored" if {
	not input.evidence.stored == true
}
