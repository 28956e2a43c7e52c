# METADATA
# title: Journal entry that an agent proposes
# description: |
#   An agent may propose a journal entry; it is posted when it balances, is documented, falls into an open
#   period, and a person other than its preparer approved it where its amount or its kind asks for that.
#   Input: entry (id, period_open, support, manual, lines: each account, debit, credit in minor units), limit
#   (amount above which a person approves, in minor units), preparer (id), approval (actor, actor_type,
#   granted) where it is due.
# related_resources:
#   - ref: https://www.law.cornell.edu/uscode/text/15/78m
#     description: Securities Exchange Act, section 13(b)(2)
package aumos.packs.sox.journal_entry

has_text(value) if {
	is_string(value)
	trim_space(value) != ""
}

identified if {
	has_text(input.entry.id)
	has_text(input.preparer.id)
	is_boolean(input.entry.manual)
}

is_amount(value) if {
	is_number(value)
	value >= 0
}

lines_sound if {
	is_array(input.entry.lines)
	count(input.entry.lines) > 1
	every line in input.entry.lines {
		has_text(line.account)
		is_amount(line.debit)
		is_amount(line.credit)
	}
}

debits := sum([line.debit | some line in input.entry.lines]) if lines_sound

credits := sum([line.credit | some line in input.entry.lines]) if lines_sound

supported if has_text(input.entry.support)

limit_stated if is_amount(input.limit)

needs_approval if input.entry.manual == true

needs_approval if {
	limit_stated
	debits > input.limit
}

approved_by_person if {
	input.approval.granted == true
	input.approval.actor_type == "person"
	has_text(input.approval.actor)
	input.approval.actor != input.preparer.id
}

default allow := false

allow if count(violations) == 0

violations contains "entry_unidentified: entry.id, entry.manual and preparer.id must be stated" if not identified

violations contains "lines_unsound: An entry has two lines or more, each with account, debit and credit" if not lines_sound

violations contains "unbalanced: Debits and credits differ" if debits != credits

violations contains "period_closed: The accounting period is not open" if not input.entry.period_open == true

violations contains "support_missing: The entry names no supporting document" if not supported

violations contains "limit_unstated: limit must be an amount of at least 0" if not limit_stated

violations contains "approval_missing: A manual or large entry needs the approval of a person other than its preparer" if {
	needs_approval
	not approved_by_person
}
