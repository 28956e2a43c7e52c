# METADATA
# title: Model licence
# description: |
#   Production needs a licence that covers the stated use, a published model card and a
#   known size within the limit, or the approval that stands in for what is missing.
#   Other stages are free. Input: model (licence, has_model_card, documentation, parameters)
#   and promotion (stage, use, approvals).
package aumos.governance.model_licence

stages := {"research", "staging", "production"}

uses := {"research", "internal", "commercial"}

# Permissive: any use.
permissive := {"Apache-2.0", "MIT", "Modified MIT License"}

# Use restrictions or a user threshold: someone has to read the licence before commercial use.
conditional := {
	"BigCode OpenRAIL-M v1",
	"BigScience BLOOM RAIL 1.0",
	"CreativeML Open RAIL++-M",
	"CreativeML OpenRAIL-M",
	"Databricks Open Model License",
	"DeepSeek License Agreement 1.0",
	"Gemma Terms of Use",
	"Llama 2 Community License",
	"Llama 3.1 Community License",
	"Llama 3.2 Community License",
	"Llama 3.3 Community License",
	"Llama 4 Community License",
	"Meta Llama 3 Community License",
	"Qwen License Agreement",
}

# No commercial and no internal production use, whoever approves.
research_only := {
	"CC-BY-NC-4.0",
	"FLUX.1 [dev] Non-Commercial License",
	"Mistral AI Non-Production License 0.1",
	"OPT-175B License Agreement",
}

# No licence to the weights: a contract with the publisher is the ground.
by_contract := {"Proprietary"}

classified := ((permissive | conditional) | research_only) | by_contract

max_parameters := 200000000000

licence := object.get(input, ["model", "licence"], "")

stage := object.get(input, ["promotion", "stage"], "")

use := object.get(input, ["promotion", "use"], "")

parameters := object.get(input, ["model", "parameters"], null)

approved(kind) if kind in object.get(input, ["promotion", "approvals"], [])

to_production if stage == "production"

has_text(value) if {
	is_string(value)
	value != ""
}

default allow := false

# Without any input no violation can be found, so their absence alone proves nothing.
allow if {
	is_object(input)
	count(violations) == 0
}

violations contains msg if {
	not is_object(input)
	msg := "The input must be an object"
}

violations contains msg if {
	not stage in stages
	msg := sprintf(`promotion.stage must be one of research, staging, production; it is "%v"`, [stage])
}

violations contains msg if {
	not use in uses
	msg := sprintf(`promotion.use must be one of research, internal, commercial; it is "%v"`, [use])
}

violations contains msg if {
	not has_text(licence)
	msg := "model.licence is missing"
}

violations contains msg if {
	to_production
	has_text(licence)
	not licence in classified
	not approved("licence_review")
	msg := sprintf("Licence %v is not classified; production needs approval licence_review", [licence])
}

violations contains msg if {
	to_production
	licence in conditional
	use == "commercial"
	not approved("licence_review")
	msg := sprintf("Licence %v has conditions; commercial use needs approval licence_review", [licence])
}

violations contains msg if {
	to_production
	licence in research_only
	use in {"internal", "commercial"}
	msg := sprintf("Licence %v does not cover %v use in production", [licence, use])
}

violations contains msg if {
	to_production
	licence in by_contract
	not approved("vendor_contract")
	msg := "A proprietary model needs approval vendor_contract"
}

violations contains msg if {
	to_production
	not input.model.has_model_card == true
	not approved("documentation_review")
	msg := "Production needs a published model card or approval documentation_review"
}

violations contains msg if {
	to_production
	not has_text(object.get(input, ["model", "documentation"], ""))
	msg := "Production needs the address of the published documentation"
}

violations contains msg if {
	to_production
	not is_number(parameters)
	not approved("size_review")
	msg := "The number of parameters is unknown; production needs approval size_review"
}

violations contains msg if {
	to_production
	is_number(parameters)
	parameters <= 0
	msg := "model.parameters must be positive"
}

violations contains msg if {
	to_production
	is_number(parameters)
	parameters > max_parameters
	not approved("size_review")
	msg := sprintf("%v parameters are over the limit of %v; production needs approval size_review", [parameters, max_parameters])
}
