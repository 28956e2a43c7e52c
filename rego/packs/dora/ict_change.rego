# METADATA
# title: Change of an ICT system of a financial entity
# description: |
#   A change, a new model version among them, is recorded, assessed, tested, approved, carried out under
#   control and verified afterwards; a major one has a risk assessment of its own. Input: change (id, author,
#   major, rollback_plan, verification_plan), impact (assessed), risk (assessed) for a major change, tests
#   (passed), approval (actor, granted).
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2022/2554/oj
#     description: Regulation (EU) 2022/2554, Articles 8 and 9
package aumos.packs.dora.ict_change

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

recorded if {
	has_text(input.change.id)
	has_text(input.change.author)
	is_boolean(input.change.major)
}

approved if {
	has_text(input.approval.actor)
	input.approval.granted == true
}

approved_by_author if {
	approved
	input.approval.actor == input.change.author
}

default allow := false

allow if count(violations) == 0

violations contains "change_unrecorded: change.id, change.author and change.major must be stated" if not recorded

violations contains "impact_unassessed: The impact of the change is not assessed" if not input.impact.assessed == true

violations contains "risk_unassessed: A major change needs a risk assessment of its own" if {
	input.change.major == true
	not input.risk.assessed == true
}

violations contains "tests_missing: The change has not passed its tests" if not input.tests.passed == true

violations contains "approval_missing: The change is not approved" if not approved

violations contains "own_approval: Nobody approves a change of their own" if approved_by_author

violations contains "rollback_missing: There is no way back to the state before the change" if {
	not input.change.rollback_plan == true
}

violations contains "verification_missing: It is not planned how the change is verified once it is in place" if {
	not input.change.verification_plan == true
}
