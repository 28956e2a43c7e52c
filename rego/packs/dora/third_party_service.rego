# METADATA
# title: Use of an ICT third-party service
# description: |
#   A financial entity uses a model or AI service of a third party only when it is in the register, was
#   assessed before the contract, and the contract says where data is and how it is protected; for a critical
#   or important function also with audit rights, an exit strategy and a look at concentration. Input: service
#   (id, critical, in_register, assessed), contract (id, locations, data_protection, service_levels, and for a
#   critical function audit_rights), exit (strategy, tested) and concentration (assessed) for a critical one,
#   request (location).
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2022/2554/oj
#     description: Regulation (EU) 2022/2554, Articles 28 to 30
package aumos.packs.dora.third_party_service

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

service_known if {
	has_text(input.service.id)
	is_boolean(input.service.critical)
}

critical if input.service.critical == true

contracted if has_text(input.contract.id)

locations_stated if {
	is_array(input.contract.locations)
	count(input.contract.locations) > 0
}

location_agreed if input.request.location in input.contract.locations

exit_possible if {
	input.exit.strategy == true
	input.exit.tested == true
}

default allow := false

allow if count(violations) == 0

violations contains "service_unknown: service.id and service.critical must be stated" if not service_known

violations contains "not_in_register: The service is not in the register of information" if {
	not input.service.in_register == true
}

violations contains "unassessed: The risks of the service were not assessed before the contract" if {
	not input.service.assessed == true
}

violations contains "contract_missing: There is no written contract" if not contracted

violations contains "locations_missing: The contract must name where the service runs and data is kept" if {
	not locations_stated
}

violations contains "location_elsewhere: The request goes to a location that the contract does not name" if {
	locations_stated
	not location_agreed
}

violations contains "data_protection_missing: The contract must protect data and its return" if {
	not input.contract.data_protection == true
}

violations contains "service_levels_missing: The contract must describe service levels" if {
	not input.contract.service_levels == true
}

violations contains "audit_rights_missing: A critical service needs rights of access, inspection and audit" if {
	critical
	not input.contract.audit_rights == true
}

violations contains "exit_missing: A critical service needs an exit strategy that was tested" if {
	critical
	not exit_possible
}

violations contains "concentration_unassessed: The concentration risk of a critical service is not assessed" if {
	critical
	not input.concentration.assessed == true
}
