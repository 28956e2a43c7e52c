# The one path that decisions are asked on. A fixed path keeps one prepared query in OPA's cache,
# whatever the number of policies; a version that is absent or undecided leaves its key out.
#
# input.items: [{"t": tenant, "p": policy id, "v": "v<version>", "doc": input document}, ...]
# data.gov.batch: {"<position in items>": decision document, ...}
package gov

batch[id] := decision if {
	some id, q in input.items
	decision := data.tenants[q.t][q.p][q.v].decision with input as q.doc
}
