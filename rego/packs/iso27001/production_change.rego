# METADATA
# title: Change of a production system
# description: |
#   A change was tested outside production, on data that is no copy of personal production data, was scanned,
#   approved by another person and can be taken back. Input: change (id, author, rollback_plan), tests
#   (environment, passed, production_data, masked), security_tests (passed), known_vulnerabilities (each:
#   id, severity, accepted), approval (actor, granted).
# related_resources:
#   - ref: https://www.iso.org/standard/27001
#     description: ISO/IEC 27001:2022
package aumos.packs.iso27001.production_change

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

named if {
	has_text(input.change.id)
	has_text(input.change.author)
}

tested if {
	input.tests.passed == true
	input.security_tests.passed == true
}

apart_from_production if input.tests.environment in {"development", "test", "staging"}

safe_test_data if input.tests.production_data == false

safe_test_data if {
	input.tests.production_data == true
	input.tests.masked == true
}

vulnerabilities_listed if is_array(input.known_vulnerabilities)

open_vulnerabilities contains number if {
	some number, vulnerability in input.known_vulnerabilities
	not harmless(vulnerability)
}

harmless(vulnerability) if vulnerability.severity in {"low", "medium"}

harmless(vulnerability) if {
	vulnerability.severity == "high"
	vulnerability.accepted == true
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

violations contains "change_unnamed: change.id and change.author must be stated" if not named

violations contains "tests_missing: Tests and security tests must have passed" if not tested

violations contains "tested_in_production: A change is tested in an environment apart from production" if {
	not apart_from_production
}

violations contains "test_data_unsafe: Production data is masked before tests use it" if not safe_test_data

violations contains "vulnerabilities_unlisted: known_vulnerabilities must be a list, empty when none is known" if {
	not vulnerabilities_listed
}

violations contains "vulnerability_open: A vulnerability above medium must be closed; a high one may be accepted" if {
	count(open_vulnerabilities) > 0
}

violations contains "approval_missing: A change needs an approval" if not approved

violations contains "own_approval: Nobody approves a change of their own" if approved_by_author

violations contains "rollback_missing: There is no way back to the state before the change" if {
	not input.change.rollback_plan == true
}
