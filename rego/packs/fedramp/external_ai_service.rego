# METADATA
# title: Use of an AI service for federal information
# description: |
#   Federal information goes only to an AI service that is authorized at its impact level, inside the
#   boundary or over a monitored interface of it, with validated cryptography and known components. Input:
#   data (impact_level), service (id, authorized_level, authorization_current, in_inventory, in_boundary,
#   trains_on_data), interface (monitored, fips_validated), vulnerabilities (days_since_scan, high_overdue),
#   requester (id, mfa).
# related_resources:
#   - ref: https://www.fedramp.gov/docs/
#     description: FedRAMP documents and templates
#   - ref: https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final
#     description: NIST SP 800-53 revision 5
package aumos.packs.fedramp.external_ai_service

rank := {"low": 1, "moderate": 2, "high": 3}

# Days: operating systems, web applications and databases are scanned monthly.
longest_since_scan := 30

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

level := rank[input.data.impact_level]

authorized_level := rank[input.service.authorized_level]

service_named if has_text(input.service.id)

authorized if {
	authorized_level >= 1
	input.service.authorization_current == true
}

boundary_kept if input.service.in_boundary == true

boundary_kept if {
	input.service.in_boundary == false
	input.interface.monitored == true
}

scanned if {
	is_number(input.vulnerabilities.days_since_scan)
	input.vulnerabilities.days_since_scan >= 0
	input.vulnerabilities.days_since_scan <= longest_since_scan
}

identified if {
	has_text(input.requester.id)
	input.requester.mfa == true
}

default allow := false

allow if count(violations) == 0

violations contains "level_unknown: data.impact_level must be low, moderate or high" if not level

violations contains "service_unnamed: service.id must name the service" if not service_named

violations contains "service_unauthorized: The service has no current authorization" if not authorized

violations contains "level_too_high: The data's impact level is above what the service is authorized for" if {
	authorized
	level > authorized_level
}

violations contains "not_in_inventory: The service is not in the inventory of the system's components" if {
	not input.service.in_inventory == true
}

violations contains "boundary_open: Information leaves the boundary only over a monitored interface" if {
	not boundary_kept
}

violations contains "cryptography_unvalidated: The way to the service needs FIPS-validated cryptography" if {
	not input.interface.fips_validated == true
}

violations contains "trains_on_data: The service must not use federal information to train its models" if {
	not input.service.trains_on_data == false
}

violations contains "scan_overdue: The service was not scanned for vulnerabilities in the last 30 days" if not scanned

violations contains "remediation_overdue: A high vulnerability is past its date" if {
	not input.vulnerabilities.high_overdue == 0
}

violations contains "requester_unidentified: The requester must be identified with more than one factor" if {
	not identified
}
