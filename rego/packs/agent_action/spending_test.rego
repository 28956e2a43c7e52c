package aumos.packs_test.agent_action.spending

import data.aumos.packs.agent_action.spending as policy
import data.aumos.packs_testing as testing

small := {
	"agent": {"id": "agent-7"},
	"payment": {"id": "p-1", "amount": 500, "currency": "EUR", "payee": "shop-1"},
	"budget": {
		"currency": "EUR",
		"per_payment": 5000,
		"per_day": 10000,
		"approval_above": 500,
		"payees": ["shop-1"],
	},
	"spent_today": 5000,
}

large := object.union(small, {
	"payment": {"amount": 5000},
	"approval": {"granted": true, "actor": "user-2", "actor_type": "person", "payment": "p-1", "amount": 5000},
})

sound := [small, large]

flaws := {
	"payment_unidentified": [[0, {"agent": {"id": ""}}], [0, {"payment": {"id": " "}}]],
	"amount_unsound": [
		[0, {"payment": {"amount": 0}}],
		[0, {"payment": {"amount": -5}}],
		[0, {"payment": {"amount": 1.5}}],
		[0, {"payment": {"amount": "5"}}],
	],
	"budget_unsound": [
		[0, {"budget": {"per_payment": null}}],
		[0, {"budget": {"per_day": "none"}}],
		[0, {"budget": {"per_day": null}}],
		[0, {"budget": {"approval_above": -1}}],
		[0, {"spent_today": -1}],
	],
	"currency_differs": [
		[0, {"payment": {"currency": "USD"}}],
		[0, {"payment": {"currency": ""}, "budget": {"currency": ""}}],
	],
	"payee_unknown": [[0, {"payment": {"payee": "shop-2"}}], [0, {"budget": {"payees": []}}]],
	"payment_too_large": [[1, {"budget": {"per_payment": 4999}}]],
	"day_exceeded": [[1, {"spent_today": 5001}]],
	"approval_missing": [
		[0, {"payment": {"amount": 501}}],
		[1, {"approval": {"granted": false}}],
		[1, {"approval": {"actor": ""}}],
		[1, {"approval": {"actor_type": "agent"}}],
		[1, {"approval": {"payment": "p-2"}}],
		[1, {"approval": {"amount": 4999}}],
	],
}

test_sound_inputs_are_allowed if testing.all_allowed("agent_action", "spending", sound)

test_each_flaw_is_refused_by_its_own_rule if {
	testing.each_refused_by_its_rule("agent_action", "spending", sound, flaws)
}

test_no_fact_can_be_left_out_or_be_of_another_type if {
	testing.each_fact_needed("agent_action", "spending", sound)
}

test_without_any_input_nothing_is_allowed if policy.allow == false
