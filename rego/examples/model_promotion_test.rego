package aumos.governance.model_promotion_test

import data.aumos.governance.model_promotion

high := {"risk_level": "high", "has_explainability_report": true, "explainability_score": 0.85}

report_missing := {"High-risk models require an explainability report"}

with_score(score) := {"model": object.union(high, {"explainability_score": score})}

test_a_model_below_high_risk_is_allowed_without_a_report if {
	every level in ["minimal", "limited", "medium"] {
		model_promotion.allow with input as {"model": {"risk_level": level}}
		model_promotion.violations == set() with input as {"model": {"risk_level": level}}
	}
}

test_a_high_risk_model_with_a_good_report_is_allowed if {
	model_promotion.allow with input as {"model": high}
	model_promotion.violations == set() with input as {"model": high}
}

test_the_score_limit_itself_is_allowed if {
	model_promotion.allow with input as with_score(0.8)
}

test_a_score_under_the_limit_is_refused if {
	model_promotion.allow == false with input as with_score(0.79)
	model_promotion.violations == set() with input as with_score(0.79)
}

test_a_high_risk_model_without_a_report_is_refused_with_the_reason if {
	every report in [false, null] {
		model := object.union(high, {"has_explainability_report": report})
		model_promotion.allow == false with input as {"model": model}
	}
	absent := object.remove(high, ["has_explainability_report"])
	model_promotion.allow == false with input as {"model": absent}
	model_promotion.violations == report_missing with input as {"model": absent}
}

test_a_high_risk_model_without_a_score_is_refused if {
	model_promotion.allow == false with input as {"model": object.remove(high, ["explainability_score"])}
}

test_an_input_without_a_risk_level_is_refused if {
	model_promotion.allow == false with input as {}
	model_promotion.allow == false with input as {"model": {}}
	model_promotion.allow == false with input as {"model": object.remove(high, ["risk_level"])}
}
