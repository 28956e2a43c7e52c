package aumos.governance.model_licence_test

import data.aumos.governance.model_licence

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

research_only := {
	"CC-BY-NC-4.0",
	"FLUX.1 [dev] Non-Commercial License",
	"Mistral AI Non-Production License 0.1",
	"OPT-175B License Agreement",
}

open_model := {
	"licence": "Apache-2.0",
	"has_model_card": true,
	"documentation": "https://huggingface.co/mistralai/Mistral-7B-v0.1",
	"parameters": 7300000000,
}

commercial := {"stage": "production", "use": "commercial", "approvals": []}

request(model_changes, promotion_changes) := {
	"model": object.union(open_model, model_changes),
	"promotion": object.union(commercial, promotion_changes),
}

without(key) := {"model": object.remove(open_model, [key]), "promotion": commercial}

refused(document, messages) if {
	model_licence.allow == false with input as document
	model_licence.violations == messages with input as document
}

allowed(document) if {
	model_licence.allow with input as document
	model_licence.violations == set() with input as document
}

test_a_documented_permissive_model_goes_to_production_for_any_use if {
	every licence in {"Apache-2.0", "MIT", "Modified MIT License"} {
		every use in {"research", "internal", "commercial"} {
			allowed(request({"licence": licence}, {"use": use}))
		}
	}
}

test_a_licence_with_conditions_needs_a_review_for_commercial_use_only if {
	every licence in conditional {
		refused(request({"licence": licence}, {}), {sprintf(
			"Licence %v has conditions; commercial use needs approval licence_review",
			[licence],
		)})
		allowed(request({"licence": licence}, {"approvals": ["licence_review"]}))
		allowed(request({"licence": licence}, {"use": "internal"}))
	}
}

test_no_approval_turns_a_research_licence_into_a_production_licence if {
	every licence in research_only {
		every use in {"internal", "commercial"} {
			refused(
				request({"licence": licence}, {"use": use, "approvals": ["licence_review", "vendor_contract"]}),
				{sprintf("Licence %v does not cover %v use in production", [licence, use])},
			)
		}
		allowed(request({"licence": licence}, {"use": "research"}))
	}
}

test_a_proprietary_model_needs_a_contract if {
	refused(
		request({"licence": "Proprietary"}, {}),
		{"A proprietary model needs approval vendor_contract"},
	)
	allowed(request({"licence": "Proprietary"}, {"approvals": ["vendor_contract"]}))
}

test_a_licence_nobody_classified_needs_a_review if {
	refused(
		request({"licence": "Beerware"}, {"use": "research"}),
		{"Licence Beerware is not classified; production needs approval licence_review"},
	)
	allowed(request({"licence": "Beerware"}, {"approvals": ["licence_review"]}))
}

test_production_needs_a_model_card_or_a_review if {
	every document in [request({"has_model_card": false}, {}), without("has_model_card")] {
		refused(document, {"Production needs a published model card or approval documentation_review"})
	}
	allowed(request({"has_model_card": false}, {"approvals": ["documentation_review"]}))
}

test_production_needs_the_address_of_the_documentation if {
	every document in [request({"documentation": ""}, {}), request({"documentation": 1}, {}), without("documentation")] {
		refused(document, {"Production needs the address of the published documentation"})
	}
}

test_an_unknown_size_needs_a_review if {
	every document in [request({"parameters": null}, {}), request({"parameters": "7B"}, {}), without("parameters")] {
		refused(document, {"The number of parameters is unknown; production needs approval size_review"})
	}
	allowed(request({"parameters": null}, {"approvals": ["size_review"]}))
}

test_the_size_limit_itself_needs_no_review if {
	allowed(request({"parameters": model_licence.max_parameters}, {}))
}

test_a_model_over_the_size_limit_needs_a_review if {
	refused(request({"parameters": 405000000000}, {}), {sprintf(
		"405000000000 parameters are over the limit of %v; production needs approval size_review",
		[model_licence.max_parameters],
	)})
	allowed(request({"parameters": 405000000000}, {"approvals": ["size_review"]}))
}

test_a_size_that_is_not_positive_is_refused if {
	refused(request({"parameters": 0}, {"approvals": ["size_review"]}), {"model.parameters must be positive"})
}

test_stages_before_production_are_free if {
	every stage in {"research", "staging"} {
		every licence in {"Apache-2.0", "Gemma Terms of Use", "CC-BY-NC-4.0", "Proprietary", "Beerware"} {
			every parameters in [null, 0, 405000000000] {
				allowed({
					"model": {"licence": licence, "parameters": parameters},
					"promotion": {"stage": stage, "use": "commercial"},
				})
			}
		}
	}
}

test_a_missing_licence_is_refused_in_every_stage if {
	every stage in {"research", "staging", "production"} {
		document := object.union(without("licence"), {"promotion": {"stage": stage, "use": "internal"}})
		refused(document, {"model.licence is missing"})
	}
}

test_an_unknown_stage_is_refused if {
	refused(
		request({}, {"stage": "prod"}),
		{`promotion.stage must be one of research, staging, production; it is "prod"`},
	)
}

test_an_unknown_use_is_refused if {
	refused(
		request({}, {"use": "resale"}),
		{`promotion.use must be one of research, internal, commercial; it is "resale"`},
	)
}

test_an_input_that_is_no_object_is_refused if {
	every document in [[], "text", null, 7] {
		model_licence.allow == false with input as document
		"The input must be an object" in model_licence.violations with input as document
	}
	model_licence.allow == false
}

test_parts_of_another_shape_are_refused if {
	every document in [{}, {"model": "text", "promotion": []}] {
		model_licence.allow == false with input as document
		count(model_licence.violations) > 0 with input as document
	}
}
