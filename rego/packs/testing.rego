# METADATA
# title: What the tests of every pack ask of its policies
# description: |
#   A pack's test names sound inputs, which hold nothing that the policy does not need, and flaws: by rule,
#   changes [n, patch] of the sound input n. Policies stand at data.aumos.packs[pack][policy].
package aumos.packs_testing

violations(pack, policy, document) := found if {
	found := data.aumos.packs[pack][policy].violations with input as document
}

allow(pack, policy, document) := found if {
	found := data.aumos.packs[pack][policy].allow with input as document
}

# The ids of the rules that refuse a document: what stands before the colon.
refusing(pack, policy, document) := {split(message, ":")[0] |
	some message in violations(pack, policy, document)
}

all_allowed(pack, policy, documents) if {
	every document in documents {
		allow(pack, policy, document) == true
		violations(pack, policy, document) == set()
	}
}

each_refused_by_its_rule(pack, policy, sound, flaws) if {
	every rule, changes in flaws {
		count(changes) > 0
		every change in changes {
			document := object.union(sound[change[0]], change[1])
			refusing(pack, policy, document) == {rule}
			allow(pack, policy, document) == false
		}
	}
}

# Every fact of a sound input, left out, blank or of another type, is refused; so is what is no object.
each_fact_needed(pack, policy, sound) if {
	every document in {{}, [], "text", null, 7} | {broken | some whole in sound; some broken in broken_of(whole)} {
		allow(pack, policy, document) == false
		count(violations(pack, policy, document)) > 0
	}
}

broken_of(document) := lacking(document) | mistyped(document)

lacking(document) := {json.remove(document, [path]) | some path in paths(document)}

mistyped(document) := {json.patch(document, [{"op": "add", "path": path, "value": other}]) |
	some path in paths(document)
	some other in [null, true, -1, "", "text", [], {}]
	of_another_kind(object.get(document, path, null), other)
}

of_another_kind(value, other) if type_name(value) != type_name(other)

of_another_kind(value, "") if is_string(value)

paths(document) := {path |
	walk(document, [path, _])
	count(path) > 0
	every key in path {
		is_string(key)
	}
}
