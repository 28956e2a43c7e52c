# METADATA
# title: Release of an AI system version
# description: |
#   A version goes live only when the management system has done its part for it: impact and risk assessed,
#   verified and validated, documented, with known data, filled roles, recorded events and a plan to monitor
#   it. Input: system (id, version, intended_use), assessments (impact, risk: version, approved), validation
#   (version, criteria_set_before, passed), documentation (version, technical, users), data (provenance_recorded,
#   quality_checked), roles (owner, approver, author), operation (event_logs, monitoring_plan),
#   suppliers (each: id, responsibilities_agreed).
# related_resources:
#   - ref: https://www.iso.org/standard/81230.html
#     description: ISO/IEC 42001:2023
package aumos.packs.iso42001.system_release

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

version := input.system.version if {
	has_text(input.system.id)
	has_text(input.system.version)
}

intended if has_text(input.system.intended_use)

assessed(kind) if {
	input.assessments[kind].version == version
	input.assessments[kind].approved == true
}

validated if {
	input.validation.version == version
	input.validation.criteria_set_before == true
	input.validation.passed == true
}

documented(readers) if {
	input.documentation.version == version
	input.documentation[readers] == true
}

roles_filled if {
	has_text(input.roles.owner)
	has_text(input.roles.approver)
	has_text(input.roles.author)
}

approved_by_author if {
	roles_filled
	input.roles.approver == input.roles.author
}

suppliers_listed if is_array(input.suppliers)

open_suppliers contains number if {
	some number, supplier in input.suppliers
	not supplier.responsibilities_agreed == true
}

default allow := false

allow if count(violations) == 0

violations contains "version_unnamed: system.id and system.version must name what is released" if not version

violations contains "intended_use_missing: The intended use of the system is not stated" if not intended

violations contains "impact_unassessed: The impact on people and society is not assessed for this version" if {
	version
	not assessed("impact")
}

violations contains "risk_unassessed: The risk of this version is not assessed" if {
	version
	not assessed("risk")
}

violations contains "validation_missing: The version has not passed validation by criteria set beforehand" if {
	version
	not validated
}

violations contains "technical_documentation_missing: The technical documentation of this version is missing" if {
	version
	not documented("technical")
}

violations contains "user_documentation_missing: The information for users of this version is missing" if {
	version
	not documented("users")
}

violations contains "provenance_missing: The provenance of the data is not recorded" if {
	not input.data.provenance_recorded == true
}

violations contains "quality_unchecked: The quality of the data is not checked against its requirements" if {
	not input.data.quality_checked == true
}

violations contains "roles_vacant: Owner, author and approver of the system must be named" if not roles_filled

violations contains "own_approval: The author of a version cannot approve it" if approved_by_author

violations contains "event_logs_missing: The system must record events while it is in use" if {
	not input.operation.event_logs == true
}

violations contains "monitoring_missing: There is no plan to monitor the system in operation" if {
	not input.operation.monitoring_plan == true
}

violations contains "suppliers_unlisted: suppliers must be a list, empty when there is none" if not suppliers_listed

violations contains "responsibilities_open: A supplier's responsibilities are not agreed" if count(open_suppliers) > 0
