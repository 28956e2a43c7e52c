"""Evidence decisions: submitted, linked, verified or quarantined, and every reason to refuse a command."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agents.decisions.evidence import MAX_LINKS_EACH, EvidenceCommand, Linkable, decide_evidence
from agents.decisions.outcome import Rejection
from tests.agents.commands import TENANT
from tests.agents.decisions.events import START
from tests.agents.submissions import (
    CONTENT,
    HASH,
    LOCK,
    MAX_BYTES,
    ONE,
    TWO,
    Life,
    artifact,
    link,
    quarantined,
    refs,
    submit,
    verified,
)

COLLECTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_submitted_evidence_is_collected_and_says_all_of_the_command() -> None:
    state = Life().take(
        submit(
            kind="automated",
            evidence_type="export",
            description="d",
            source="svc-hr",
            effective_from="2025-12-01T01:00:00+01:00",
            effective_to="2026-01-01T00:00:00Z",
            valid_until="2027-01-01T00:00:00Z",
            controls=refs(("soc2", "CC1.1"), ("iso42001", "4.1"), ("soc2", "CC1.1")),
            technical_controls=["TC-010", "TC-001", "TC-010"],
        )
    )
    assert (state.state, state.reason, state.version) == ("collected", "", 1)
    assert (state.kind, state.evidence_type, state.description, state.source) == (
        "automated",
        "export",
        "d",
        "svc-hr",
    )
    assert (state.sha256, state.size, state.media_type, state.version_id) == (
        HASH,
        len(CONTENT),
        "text/plain",
        "v1",
    )
    assert state.object_key == f"{TENANT}/{ONE}/{HASH}"
    assert state.collected_at == COLLECTED
    assert state.effective_from == datetime(2025, 12, 1, tzinfo=UTC)
    assert state.effective_to == datetime(2026, 1, 1, tzinfo=UTC)
    assert state.valid_until == datetime(2027, 1, 1, tzinfo=UTC)
    assert (state.submitted_by, state.submitted_at, state.verified_at) == ("actor-1", START, None)
    assert state.controls == (("iso42001", "4.1"), ("soc2", "CC1.1")), "each link once"
    assert state.technical_controls == ("TC-001", "TC-010")


def test_without_a_window_evidence_speaks_from_its_collection_on_and_for_ever() -> None:
    state = Life().take(submit())
    assert (state.effective_from, state.effective_to, state.valid_until) == (COLLECTED, None, None)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (submit(artifact=artifact(object_key=f"other/{ONE}/{HASH}")), "foreign_object_key"),
        (submit(artifact=artifact(object_key=f"{TENANT}/{TWO}/{HASH}")), "foreign_object_key"),
        (submit(artifact=artifact(object_key=f"{TENANT}/{ONE}/{'0' * 64}")), "foreign_object_key"),
        (submit(artifact=artifact(sha256="0" * 64)), "foreign_object_key"),
        (submit(artifact=artifact(size=MAX_BYTES + 1)), "artifact_too_large"),
        (submit(controls=refs(("gdpr", "5"))), "unknown_regulation"),
        (submit(controls=refs(("soc2", "CC1.1"), ("soc2", "CC9.9"))), "unknown_control"),
        (submit(controls=refs(("soc2", "4.1"))), "unknown_control"),
        (submit(technical_controls=["TC-001", "TC-999"]), "unknown_technical_control"),
        (submit(effective_to="2026-01-02T03:04:05Z"), "invalid"),
        (
            submit(effective_from="2026-01-03T00:00:00Z", effective_to="2026-01-02T23:59:59Z"),
            "invalid",
        ),
        (submit(valid_until="2026-01-02T03:04:05Z"), "invalid"),
    ],
)
def test_a_submission_that_cannot_stand_is_refused(command: EvidenceCommand, reason: str) -> None:
    assert Life().reason(command) == reason


def test_another_tenants_object_is_refused_even_under_ones_own_id() -> None:
    assert Life().reason(submit(), tenant="intruder") == "foreign_object_key"


def test_an_artifact_of_the_greatest_size_and_an_empty_one_are_taken() -> None:
    for size in (MAX_BYTES, 0):
        assert Life().take(submit(artifact=artifact(size=size))).size == size


def test_an_id_is_submitted_once_whatever_became_of_it() -> None:
    life = Life()
    life.take(submit())
    assert life.reason(submit(title="another")) == "already_exists"
    life.take(quarantined())
    assert life.reason(submit()) == "already_exists"


@pytest.mark.parametrize("command", [link(("soc2", "CC1.1")), verified(), quarantined()])
def test_commands_about_unknown_evidence_are_refused(command: EvidenceCommand) -> None:
    assert Life().reason(command) == "unknown_evidence"


def test_links_are_added_and_the_event_names_only_the_new_ones() -> None:
    life = Life()
    life.take(submit(controls=refs(("soc2", "CC1.1")), technical_controls=["TC-001"]))
    state = life.take(link(("soc2", "CC1.1"), ("iso42001", "4.2"), technical=["TC-001", "TC-010"]))
    assert life.events[-1].body["controls"] == [{"regulation": "iso42001", "control": "4.2"}]
    assert life.events[-1].body["technical_controls"] == ["TC-010"]
    assert state.controls == (("iso42001", "4.2"), ("soc2", "CC1.1"))
    assert (state.technical_controls, state.version) == (("TC-001", "TC-010"), 2)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (link(("soc2", "CC1.1"), technical=["TC-001"]), "nothing_changes"),
        (link(("gdpr", "5")), "unknown_regulation"),
        (link(("soc2", "CC9.9")), "unknown_control"),
        (link(technical=["TC-999"]), "unknown_technical_control"),
    ],
)
def test_a_link_that_cannot_stand_is_refused(command: EvidenceCommand, reason: str) -> None:
    life = Life()
    life.take(submit(controls=refs(("soc2", "CC1.1")), technical_controls=["TC-001"]))
    assert life.reason(command) == reason


def test_verified_evidence_can_be_linked_and_quarantined_evidence_cannot() -> None:
    life = Life()
    life.take(submit(), verified(), link(("soc2", "CC1.1")))
    life = Life()
    life.take(submit(), quarantined())
    assert life.reason(link(("soc2", "CC1.1"))) == "evidence_quarantined"


def test_links_of_one_piece_of_evidence_are_bounded() -> None:
    ids = [f"c{number}" for number in range(MAX_LINKS_EACH + 1)]
    linkable = Linkable({"soc2": frozenset(ids)}, frozenset())
    most = tuple(("soc2", each) for each in ids[:MAX_LINKS_EACH])
    one_more = link(("soc2", ids[-1]))
    state = replace(Life().take(submit()), controls=most[:-1])
    assert not isinstance(decide_evidence(state, TENANT, one_more, linkable, MAX_BYTES), Rejection)
    outcome = decide_evidence(replace(state, controls=most), TENANT, one_more, linkable, MAX_BYTES)
    assert isinstance(outcome, Rejection)
    assert outcome.reason == "too_many_links"


def test_a_verified_artifact_is_locked_until_what_the_report_says() -> None:
    life = Life()
    state = life.take(submit(), verified())
    assert (state.state, state.reason, state.verified_at) == ("verified", "", START)
    assert state.locked_until == datetime(2032, 1, 1, tzinfo=UTC)
    assert life.events[-1].body == {
        "evidence_id": ONE,
        "sha256": HASH,
        "size": len(CONTENT),
        "version_id": "v1",
        "locked_until": LOCK,
    }


def test_a_quarantined_artifact_is_told_with_both_hashes() -> None:
    life = Life()
    state = life.take(submit(), quarantined())
    assert (state.state, state.reason, state.locked_until, state.verified_at) == (
        "quarantined",
        "wrong_hash",
        None,
        None,
    )
    assert life.events[-1].body == {
        "evidence_id": ONE,
        "reason": "wrong_hash",
        "expected_sha256": HASH,
        "actual_sha256": "ab" * 32,
        "expected_size": len(CONTENT),
        "actual_size": len(CONTENT),
    }


@pytest.mark.parametrize("first", [verified(), quarantined()])
@pytest.mark.parametrize("second", [verified(), quarantined()])
def test_an_artifact_is_reported_once(first: EvidenceCommand, second: EvidenceCommand) -> None:
    life = Life()
    life.take(submit(), first)
    assert life.reason(second) == "already_reported"


def test_a_report_of_another_file_verifies_nothing() -> None:
    life = Life()
    life.take(submit())
    assert life.reason(verified().model_copy(update={"size": 1})) == "invalid"
    assert life.reason(verified().model_copy(update={"sha256": "0" * 64})) == "invalid"
