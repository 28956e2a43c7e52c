"""Deciding whether controls apply: two persons exclude one, anybody takes it in again."""

from dataclasses import replace

import pytest

from tests.agents.decisions.workflows import (
    ANNEX,
    CLAUSE,
    advance,
    assign,
    begun,
    exclude,
    include,
    regulation,
)


def test_undecided_controls_apply_with_one_decision() -> None:
    life = begun()
    state = life.take(include(reason="all of it"))
    assert (state.applicable, state.version) == (70, 2)
    assert {(c.applicability, c.reason, c.decided_by) for c in state.controls} == {
        ("applicable", "all of it", "ann")
    }
    assert life.reason(include()) == "nothing_changes"
    assert life.reason(include(ANNEX)) == "already_decided"


def test_an_exclusion_takes_two_persons() -> None:
    life = begun()
    state = life.take(exclude(ANNEX))
    assert life.control(ANNEX).applicability == "exclusion_requested"
    assert (state.applicable, state.excluded) == (1, 0), "until another approves, it applies"
    assert life.reason(exclude(ANNEX)) == "same_person"
    state = life.take(exclude(ANNEX, reason="agreed"), actor="bob")
    control = life.control(ANNEX)
    assert (control.applicability, control.state, control.reason) == ("excluded", "not_applicable", "agreed")
    assert (control.decided_by, control.approved_by) == ("ann", "bob")
    assert (state.applicable, state.excluded) == (0, 1)
    assert life.reason(exclude(ANNEX), actor="eve") == "already_decided"


@pytest.mark.parametrize("role", ["owner", "assessor"])
def test_who_owns_or_assesses_a_control_does_not_approve_its_exclusion(role: str) -> None:
    life = begun()
    life.take(assign(ANNEX, **{role: "bob"}), exclude(ANNEX))
    assert life.reason(exclude(ANNEX), actor="bob") == "same_person"
    life.take(exclude(ANNEX), actor="dan")
    assert life.control(ANNEX).approved_by == "dan"


def test_one_command_can_approve_some_exclusions_and_ask_for_others() -> None:
    life = begun()
    life.take(exclude(ANNEX))
    life.take(exclude("A.2.3", ANNEX), actor="bob")
    assert life.control(ANNEX).applicability == "excluded"
    assert life.control("A.2.3").applicability == "exclusion_requested"
    assert [event.body["applicability"] for event in life.events[-2:]] == ["exclusion_requested", "excluded"]


def test_a_refused_exclusion_changes_nothing_of_the_others() -> None:
    life = begun()
    life.take(exclude(ANNEX))
    assert life.reason(exclude(ANNEX, "A.2.3")) == "same_person"
    assert life.control("A.2.3").applicability == "undecided"


@pytest.mark.parametrize("actor", ["ann", "bob"])
def test_anybody_takes_an_exclusion_back(actor: str) -> None:
    life = begun()
    life.take(exclude(ANNEX))
    life.take(include(ANNEX), actor=actor)
    assert (life.control(ANNEX).applicability, life.control(ANNEX).decided_by) == ("applicable", actor)
    life.take(exclude(ANNEX))
    life.take(exclude(ANNEX), actor="bob")
    life.take(include(ANNEX), actor=actor)
    control = life.control(ANNEX)
    assert (control.applicability, control.approved_by, control.state) == ("applicable", None, "not_assessed")


def test_who_takes_a_request_back_and_makes_it_again_is_the_one_who_asks() -> None:
    life = begun()
    life.take(exclude(ANNEX))
    life.take(include(ANNEX), exclude(ANNEX), actor="bob")
    assert life.reason(exclude(ANNEX), actor="bob") == "same_person"


def test_only_what_the_regulation_lets_go_can_be_excluded() -> None:
    refused = begun().refused(exclude(CLAUSE, ANNEX, "4.2"))
    assert refused.reason == "not_excludable"
    assert [finding.message.partition(":")[0] for finding in refused.findings] == [CLAUSE, "4.2"]


@pytest.mark.parametrize("reason", ["", "  "])
def test_an_exclusion_needs_a_reason_and_so_does_its_approval(reason: str) -> None:
    life = begun()
    assert life.reason(exclude(ANNEX, reason=reason)) == "reason_required"
    life.take(exclude(ANNEX))
    assert life.reason(exclude(ANNEX, reason=reason), actor="bob") == "reason_required"


def test_a_catalogue_that_changed_since_lets_nothing_be_excluded() -> None:
    life = begun()
    life.regulations["iso42001"] = replace(regulation(), version="sha256:other")
    assert life.reason(exclude(ANNEX)) == "catalogue_changed"
    del life.regulations["iso42001"]
    assert life.reason(exclude(ANNEX)) == "catalogue_changed"


def test_a_control_that_is_taken_in_while_evidence_is_collected_waits_for_evidence() -> None:
    life = begun()
    life.take(exclude(ANNEX))
    life.take(exclude(ANNEX), actor="bob")
    life.take(advance("begin"))
    assert life.control(ANNEX).state == "not_applicable"
    life.take(include(ANNEX))
    assert life.control(ANNEX).state == "evidence_pending"
    life.take(exclude(ANNEX))
    assert life.control(ANNEX).state == "evidence_pending", "one person's word excludes nothing"
