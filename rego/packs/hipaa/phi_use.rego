# METADATA
# title: Use or disclosure of protected health information by an AI system
# description: |
#   Health information is used or disclosed for a permitted purpose, no more of it than is needed, by an
#   identified and authorized person or workload, encrypted, and given to a vendor only under a business
#   associate contract. Input: requester (id, shared, authorized), phi (deidentification), request (purpose,
#   fields, needed_fields, encrypted_in_transit), recipient (kind: internal, business_associate, other),
#   contract and authorization where they are due. Training a model counts as a use of its own that needs an
#   authorization; waivers, limited data sets and the disclosures of 164.512 are not modelled, so refused.
# related_resources:
#   - ref: https://www.ecfr.gov/current/title-45/subtitle-A/subchapter-C/part-164
#     description: 45 CFR part 164
package aumos.packs.hipaa.phi_use

# 164.506(c): without the authorization of the individual.
permitted_purposes := {"treatment", "payment", "health_care_operations"}

# 164.508(a): only with the individual's authorization.
authorized_purposes := {"research", "marketing", "model_training"}

# 164.514(b): neither is protected health information any more.
deidentification_methods := {"expert_determination", "safe_harbor"}

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

deidentified if input.phi.deidentification in deidentification_methods

status_known if deidentified

status_known if input.phi.deidentification == "none"

identified if {
	has_text(input.requester.id)
	input.requester.shared == false
}

purpose_known if input.request.purpose in (permitted_purposes | authorized_purposes)

needs_authorization if {
	not deidentified
	input.request.purpose in authorized_purposes
}

individual_agreed if {
	has_text(input.authorization.id)
	input.authorization.purpose == input.request.purpose
	input.authorization.valid == true
}

fields_stated if {
	is_array(input.request.fields)
	is_array(input.request.needed_fields)
}

exempt_from_minimum if deidentified

# 164.502(b)(2)(i): requests of a provider for treatment.
exempt_from_minimum if input.request.purpose == "treatment"

needless_fields contains field if {
	some field in input.request.fields
	not field in input.request.needed_fields
}

recipient_known if input.recipient.kind in {"internal", "business_associate", "other"}

contract_signed if {
	has_text(input.contract.id)
	input.contract.business_associate_terms == true
}

default allow := false

allow if count(violations) == 0

violations contains "status_unknown: phi.deidentification must be none, expert_determination or safe_harbor" if {
	not status_known
}

violations contains "requester_unidentified: The requester needs an id of its own, shared by nobody" if not identified

violations contains "requester_unauthorized: The requester's role gives no access to this information" if {
	not input.requester.authorized == true
}

violations contains "purpose_unknown: The purpose is neither permitted nor one that an individual can authorize" if {
	not purpose_known
}

violations contains "authorization_missing: The purpose needs the individual's valid authorization, or de-identified data" if {
	needs_authorization
	not individual_agreed
}

violations contains "fields_unstated: request.fields and request.needed_fields must be lists" if not fields_stated

violations contains "more_than_necessary: More is asked for than the purpose needs" if {
	fields_stated
	not exempt_from_minimum
	count(needless_fields) > 0
}

violations contains "recipient_unknown: recipient.kind must be internal, business_associate or other" if {
	not recipient_known
}

violations contains "contract_missing: A vendor needs a business associate contract" if {
	not deidentified
	input.recipient.kind == "business_associate"
	not contract_signed
}

violations contains "recipient_uncovered: Others get the information only as de-identified or with an authorization" if {
	not deidentified
	input.recipient.kind == "other"
	not individual_agreed
}

violations contains "transit_unencrypted: The information must be encrypted in transit" if {
	not input.request.encrypted_in_transit == true
}
