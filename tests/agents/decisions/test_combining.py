"""Decision points: every rule over every kind of answer, and what stands in the event."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import orjson
import pytest

from agents.decisions.answering import KnownAnswer, Pointer, Verdict
from agents.decisions.combining import COMBINING, Combining
from agents.decisions.evaluation import Gate, decide_evaluation
from agents.decisions.outcome import Rejection
from schemas.codec import decode, encode
from tests.agents.commands import ask

EVALUATED = "governance.policy.evaluated"
ALLOWS = {"allow": True}
DENIES = {"allow": False, "violations": ["no"]}


def pointer(place: int, enforcement: str = "mandatory", fail_mode: str = "closed") -> Pointer:
    return Pointer(
        f"p-{place}", "active", 1, f"d-{place}", enforcement, fail_mode, None, 1, f"activation-{place}"
    )


def answers(document: object) -> Verdict:
    return Verdict(1, orjson.dumps(document), "", "", 120, "opa-0", 9)


def fails(error: str) -> Verdict:
    return Verdict(1, None, error, f"why: {error}", 0, "opa-0", 0)


def body_of(
    combining: Combining,
    parts: Sequence[tuple[Pointer, Verdict | None]],
    known: Sequence[KnownAnswer | None] | None = None,
) -> Mapping[str, object]:
    names = tuple(f"policy {place}" for place in range(len(parts)))
    gate = Gate(names, tuple(pointer for pointer, _ in parts), combining, "binding-1")
    verdicts = [verdict for _, verdict in parts]
    outcome = decide_evaluation(ask(), gate, verdicts, "decision-1", known or [None] * len(parts))
    assert not isinstance(outcome, Rejection)
    (draft,) = outcome
    assert (draft.type, draft.resource, draft.causation) == (EVALUATED, "model/m-1", "binding-1")
    assert decode(EVALUATED, encode(EVALUATED, draft.body)) == draft.body
    return draft.body


def said(body: Mapping[str, object]) -> tuple[object, object, object]:
    return body["outcome"], body["basis"], body["error"]


def part(body: Mapping[str, object], place: int) -> Mapping[str, object]:
    parts = body["parts"]
    assert isinstance(parts, list)
    found = parts[place]
    assert isinstance(found, dict)
    return found


def effects(body: Mapping[str, object]) -> list[object]:
    parts = body["parts"]
    assert isinstance(parts, list)
    return [each["effect"] for each in parts]


@pytest.mark.parametrize("combining", ["deny_overrides", "all_must_allow"])
@pytest.mark.parametrize("allowed", list(product([True, False], repeat=3)))
def test_one_deny_denies_and_without_one_all_allow(combining: Combining, allowed: tuple[bool, ...]) -> None:
    parts = [(pointer(place), answers(ALLOWS if each else DENIES)) for place, each in enumerate(allowed)]
    body = body_of(combining, parts)
    assert said(body) == ("allow" if all(allowed) else "deny", "policy", "")
    lead = 0 if all(allowed) else allowed.index(False)
    assert (body["policy_id"], body["policy"]) == (f"p-{lead}", f"policy {lead}")
    assert body["reasons"] == ([] if all(allowed) else ["no"])


@pytest.mark.parametrize(
    ("combining", "fail_mode", "outcome"),
    [
        ("deny_overrides", "open", "allow"),
        ("deny_overrides", "closed", "deny"),
        ("all_must_allow", "open", "deny"),
        ("all_must_allow", "closed", "deny"),
        ("first_applicable", "open", "allow"),
        ("first_applicable", "closed", "deny"),
    ],
)
def test_what_fails_open_is_no_deny_and_no_allow_of_its_own(
    combining: Combining, fail_mode: str, outcome: str
) -> None:
    failed = pointer(0, fail_mode=fail_mode), fails("timeout")
    body = body_of(combining, [failed, (pointer(1), answers(ALLOWS))])
    assert body["outcome"] == outcome
    assert part(body, 0)["outcome"] == ("allow" if fail_mode == "open" else "deny")
    if outcome == "deny":
        assert said(body) == ("deny", "fail_mode", "timeout")
        assert body["reasons"] == ["why: timeout"]


@pytest.mark.parametrize(
    ("combining", "outcome"),
    [("deny_overrides", "allow"), ("all_must_allow", "deny"), ("first_applicable", "allow")],
)
def test_a_last_known_allow_is_an_outcome_and_no_answer(combining: Combining, outcome: str) -> None:
    parts = [(pointer(0, fail_mode="last_known"), fails("timeout")), (pointer(1), answers(ALLOWS))]
    body = body_of(combining, parts, [KnownAnswer("d-7", "allow"), None])
    assert body["outcome"] == outcome
    assert part(body, 0)["known_decision"] == "d-7"


def test_not_loaded_is_never_answered_open_in_a_decision_point_either() -> None:
    for combining in COMBINING:
        body = body_of(combining, [(pointer(0, fail_mode="open"), fails("not_loaded"))])
        assert said(body) == ("deny", "fail_mode", "not_loaded")


@pytest.mark.parametrize(
    ("verdicts", "outcome", "error", "lead"),
    [
        (["undefined", ALLOWS, DENIES], "allow", "", 1),
        (["undefined", DENIES, ALLOWS], "deny", "", 1),
        ([ALLOWS, DENIES, "timeout"], "allow", "", 0),
        (["undefined", "timeout", ALLOWS], "deny", "timeout", 1),
        (["undefined", "undefined", "undefined"], "deny", "not_applicable", None),
    ],
)
def test_the_first_that_applies_decides(
    verdicts: list[object], outcome: str, error: str, lead: int | None
) -> None:
    parts = [
        (pointer(place, fail_mode="closed"), fails(each) if isinstance(each, str) else answers(each))
        for place, each in enumerate(verdicts)
    ]
    body = body_of("first_applicable", parts)
    assert (body["outcome"], body["error"]) == (outcome, error)
    assert effects(body) == [outcome if place == lead else "" for place in range(3)]
    assert body["policy_id"] == ("" if lead is None else f"p-{lead}")
    if lead is None:
        assert (body["version"], body["basis"], body["policy"]) == (None, "fail_mode", "")


def test_undefined_takes_the_fail_mode_under_the_other_rules() -> None:
    for fail_mode, outcome in (("open", "allow"), ("closed", "deny")):
        parts = [(pointer(0, fail_mode=fail_mode), fails("undefined")), (pointer(1), answers(ALLOWS))]
        assert body_of("deny_overrides", parts)["outcome"] == outcome
        assert body_of("all_must_allow", parts)["outcome"] == "deny"


@pytest.mark.parametrize("combining", COMBINING)
@pytest.mark.parametrize("verdict", [answers(DENIES), fails("timeout"), fails("undefined")])
def test_an_advisory_policy_neither_denies_nor_opens(combining: Combining, verdict: Verdict) -> None:
    advice = pointer(0, "advisory"), verdict
    assert said(body_of(combining, [advice]))[0] == "allow"
    for other, outcome in ((ALLOWS, "allow"), (DENIES, "deny")):
        body = body_of(combining, [advice, (pointer(1), answers(other))])
        assert (body["outcome"], effects(body)) == (outcome, ["", outcome])


def test_advice_against_is_what_a_point_of_advice_alone_shows() -> None:
    parts = [(pointer(0, "advisory"), answers(ALLOWS)), (pointer(1, "advisory"), answers(DENIES))]
    body = body_of("all_must_allow", parts)
    assert (body["outcome"], body["answer"], body["policy_id"]) == ("allow", "deny", "p-1")
    assert (body["reasons"], body["enforcement"]) == (["no"], "advisory")


@pytest.mark.parametrize("combining", COMBINING)
@pytest.mark.parametrize("state", ["draft", "retired", "unknown"])
def test_a_policy_that_decides_no_more_denies(combining: Combining, state: str) -> None:
    gone = replace(pointer(0, "", ""), version=None, state=state, module_digest="", activation_event="")
    body = body_of(combining, [(gone, None), (pointer(1), answers(ALLOWS))])
    assert said(body) == ("deny", "fail_mode", "not_active")
    assert state in str(body["reasons"])
    assert (part(body, 0)["version"], part(body, 0)["enforcement"]) == (None, "mandatory")


def test_reasons_and_obligations_are_those_of_the_policies_that_agree_with_the_outcome() -> None:
    parts = [
        (pointer(0), answers({"allow": False, "violations": ["a", "b"], "obligations": ["log"]})),
        (pointer(1), answers({"allow": True, "violations": ["c"], "obligations": ["notify"]})),
        (pointer(2), answers({"allow": False, "violations": ["b", "d"], "obligations": ["log", "page"]})),
        (pointer(3, "advisory"), answers({"allow": False, "violations": ["e"], "obligations": ["mail"]})),
    ]
    body = body_of("deny_overrides", parts)
    assert (body["reasons"], body["obligations"]) == (["a", "b", "d"], ['"log"', '"page"'])
    assert part(body, 3)["reasons"] == ["e"]


def test_what_one_policy_does_not_store_the_decision_does_not_store() -> None:
    masked = replace(pointer(0), personal_fields=("/id",)), answers(ALLOWS)
    digested = replace(pointer(1), input_storage="digest"), answers(ALLOWS)
    plain = pointer(2), answers(ALLOWS)
    assert body_of("deny_overrides", [plain, masked])["input"] == b'{"id":"***"}'
    body = body_of("deny_overrides", [plain, masked, digested])
    assert (body["input"], body["input_storage"], body["masked"]) == (b"{}", "digest", [])


def test_a_decision_point_to_which_nothing_is_bound_is_unknown() -> None:
    outcome = decide_evaluation(ask(name="nowhere"), None, (), "decision-1", ())
    assert isinstance(outcome, Rejection)
    assert outcome.reason == "unknown_decision_point"
    assert "nowhere" in outcome.detail
