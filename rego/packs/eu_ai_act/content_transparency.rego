# METADATA
# title: Transparency of what a system puts out
# description: |
#   People learn that they talk to a machine or that it reads their emotions or sorts them by biometrics;
#   synthetic content carries a mark that machines can read, deep fakes and published texts are disclosed.
#   Input: output (kind: one of conversation, emotion_recognition, biometric_categorisation, synthetic_content,
#   deep_fake, public_interest_text) and the fact that this kind needs: people_informed, machine_readable_mark
#   or disclosed; a text may instead have been reviewed by a responsible editor (editorial_responsibility).
#   What Article 50 excepts (law enforcement, help with editing, evident art) is not asked about here.
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2024/1689/oj
#     description: Regulation (EU) 2024/1689, Article 50
package aumos.packs.eu_ai_act.content_transparency

announced := {"emotion_recognition", "biometric_categorisation"}

kinds := {"conversation", "synthetic_content", "deep_fake", "public_interest_text"} | announced

kind_known if input.output.kind in kinds

text_answered_for if input.output.disclosed == true

text_answered_for if input.output.editorial_responsibility == true

default allow := false

allow if count(violations) == 0

violations contains "kind_unknown: output.kind is none of those that Article 50 tells apart" if not kind_known

violations contains "machine_unannounced: People must be told that they interact with an AI system" if {
	input.output.kind == "conversation"
	not input.output.people_informed == true
}

violations contains "mark_missing: Synthetic content must be marked in a machine-readable form" if {
	input.output.kind in {"synthetic_content", "deep_fake"}
	not input.output.machine_readable_mark == true
}

violations contains "people_uninformed: People must be told that their emotions are read or that they are categorised" if {
	input.output.kind in announced
	not input.output.people_informed == true
}

violations contains "deep_fake_undisclosed: A deep fake must be disclosed as such" if {
	input.output.kind == "deep_fake"
	not input.output.disclosed == true
}

violations contains "text_undisclosed: A generated text on public matters is disclosed or answered for by an editor" if {
	input.output.kind == "public_interest_text"
	not text_answered_for
}
