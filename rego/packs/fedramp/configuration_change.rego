# METADATA
# title: Change of an authorized system
# description: |
#   A change of an authorized system was analysed for its impact, tested, approved by another person, is
#   deployed by the pipeline from a signed artifact, and a significant one was announced to the authorizing
#   official. Input: change (id, author, significant), impact_analysis (done), tests (passed), approval
#   (actor, granted), artifact (signature_verified), deployer (kind), official (approved) for a significant one.
# related_resources:
#   - ref: https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final
#     description: NIST SP 800-53 revision 5
package aumos.packs.fedramp.configuration_change

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

named if {
	has_text(input.change.id)
	has_text(input.change.author)
}

significance_stated if is_boolean(input.change.significant)

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

violations contains "change_unnamed: change.id and change.author must be stated" if not named

violations contains "significance_unstated: change.significant must be true or false" if not significance_stated

violations contains "impact_unanalysed: The impact of the change on security and privacy is not analysed" if {
	not input.impact_analysis.done == true
}

violations contains "tests_missing: The change has not passed its tests" if not input.tests.passed == true

violations contains "approval_missing: A change needs an approval" if not approved

violations contains "own_approval: Nobody approves a change of their own" if approved_by_author

violations contains "artifact_unsigned: The signature of what is deployed is not verified" if {
	not input.artifact.signature_verified == true
}

violations contains "deployed_by_hand: Only the pipeline changes production" if not input.deployer.kind == "pipeline"

violations contains "official_unasked: A significant change needs the authorizing official" if {
	input.change.significant == true
	not input.official.approved == true
}
