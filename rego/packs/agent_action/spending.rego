# METADATA
# title: Spending of an agent
# description: |
#   An agent spends inside the budget of its task and of its day, in the currency of the budget, with known
#   payees; above a limit a person approves that very payment. Amounts are whole minor units (cents). The gate
#   takes budget and sums from its own ledger, never from the agent. Input: agent (id), payment (id, amount,
#   currency, payee), budget (currency, per_payment, per_day, approval_above, payees), spent_today, approval
#   (granted, actor, actor_type, payment, amount) where it is due.
package aumos.packs.agent_action.spending

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

identified if {
	has_text(input.agent.id)
	has_text(input.payment.id)
}

is_amount(value) if {
	is_number(value)
	value >= 0
	floor(value) == value
}

amount_sound if {
	is_amount(input.payment.amount)
	input.payment.amount > 0
}

budget_sound if {
	is_amount(input.budget.per_payment)
	is_amount(input.budget.per_day)
	is_amount(input.budget.approval_above)
	is_amount(input.spent_today)
}

computable if {
	amount_sound
	budget_sound
}

same_currency if {
	has_text(input.budget.currency)
	input.payment.currency == input.budget.currency
}

payee_known if input.payment.payee in input.budget.payees

approved_by_person if {
	input.approval.granted == true
	input.approval.actor_type == "person"
	has_text(input.approval.actor)
	input.approval.payment == input.payment.id
	input.approval.amount == input.payment.amount
}

default allow := false

allow if count(violations) == 0

violations contains "payment_unidentified: agent.id and payment.id must be stated" if not identified

violations contains "amount_unsound: payment.amount must be a whole number of minor units above 0" if not amount_sound

violations contains "budget_unsound: The budget and spent_today must be whole numbers of at least 0" if not budget_sound

violations contains "currency_differs: The payment must be in the currency of the budget" if not same_currency

violations contains "payee_unknown: The payee is not on the budget's list" if not payee_known

violations contains "payment_too_large: The payment is over the limit of a single payment" if {
	computable
	input.payment.amount > input.budget.per_payment
}

violations contains "day_exceeded: The payment takes the day's sum over its limit" if {
	computable
	input.spent_today + input.payment.amount > input.budget.per_day
}

violations contains "approval_missing: A payment of this size needs the approval of a person for that very payment" if {
	computable
	input.payment.amount > input.budget.approval_above
	not approved_by_person
}
