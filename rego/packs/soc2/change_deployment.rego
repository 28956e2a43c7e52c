# METADATA
# title: Deployment of a change
# description: |
#   A change reaches production when it was requested, tested, reviewed and approved by another person and
#   the pipeline deploys it. An emergency change may be approved afterwards, with an incident as its ground.
#   Input: change (id, author, kind: normal or emergency, incident), tests (passed), scan (passed), approval
#   (actor, granted), deployer (id, kind).
# related_resources:
#   - ref: https://www.aicpa-cima.com/resources/download/2017-trust-services-criteria-with-revised-points-of-focus-2022
#     description: Trust Services Criteria
package aumos.packs.soc2.change_deployment

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

named if {
	has_text(input.change.id)
	has_text(input.change.author)
}

kind_known if input.change.kind in {"normal", "emergency"}

emergency if input.change.kind == "emergency"

grounded if has_text(input.change.incident)

approved if {
	has_text(input.approval.actor)
	input.approval.granted == true
}

approved_by_author if {
	approved
	input.approval.actor == input.change.author
}

deployed_by_pipeline if {
	has_text(input.deployer.id)
	input.deployer.kind == "pipeline"
}

default allow := false

allow if count(violations) == 0

violations contains "change_unnamed: change.id and change.author must be stated" if not named

violations contains "kind_unknown: change.kind must be normal or emergency" if not kind_known

violations contains "tests_missing: The change has not passed its tests" if not input.tests.passed == true

violations contains "scan_missing: The change has not passed the scan for vulnerabilities and malicious code" if {
	not input.scan.passed == true
}

violations contains "approval_missing: A change needs an approval before it is deployed" if {
	not emergency
	not approved
}

violations contains "own_approval: Nobody approves a change of their own" if approved_by_author

violations contains "emergency_ungrounded: An emergency change needs an incident as its ground" if {
	emergency
	not grounded
}

violations contains "deployed_by_hand: Only the pipeline deploys to production" if not deployed_by_pipeline
