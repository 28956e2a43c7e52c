"""Evaluation decisions: pure, from pointer and verdict to the event or a rejection."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from itertools import product

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decisions.answering import (
    MAX_OBLIGATIONS,
    MAX_REASONS,
    KnownAnswer,
    Pointer,
    Verdict,
    needs_last_known,
)
from agents.decisions.evaluation import Gate, decide_evaluation
from agents.decisions.outcome import Rejection
from schemas.codec import decode, encode
from schemas.models import Evaluate
from tests.agents.commands import evaluate

POINTER = Pointer(
    policy_id="0b0e0b5e-0000-5000-8000-000000000001",
    state="active",
    version=3,
    module_digest="ab" * 32,
    enforcement="mandatory",
    fail_mode="closed",
    timeout_ms=None,
    confirmed_revision=7,
    activation_event="event-of-activation",
)
ALLOW = Verdict(
    version=3,
    result=b'{"allow":true,"violations":[]}',
    error="",
    detail="",
    duration_us=120,
    opa="opa-0",
    revision=9,
)
ERRORS = ("undefined", "not_loaded", "evaluation_error", "timeout", "unreachable")
COMMAND = evaluate("model/m-17")


def gate(pointer: Pointer) -> Gate:
    return Gate((pointer.policy_id,), (pointer,))


def body_of(
    pointer: Pointer = POINTER,
    verdict: Verdict = ALLOW,
    known: KnownAnswer | None = None,
    command: Evaluate = COMMAND,
) -> Mapping[str, object]:
    outcome = decide_evaluation(command, gate(pointer), [verdict], "decision-1", [known])
    assert not isinstance(outcome, Rejection)
    (draft,) = outcome
    assert draft.type == "governance.policy.evaluated"
    assert draft.resource == command.resource
    assert draft.causation == pointer.activation_event
    return draft.body


def answering(document: object) -> Verdict:
    return replace(ALLOW, result=orjson.dumps(document))


def failing(error: str) -> Verdict:
    return replace(ALLOW, result=None, error=error, detail=f"why: {error}")


def test_a_decision_names_the_version_the_module_and_everything_it_rests_on() -> None:
    body = body_of()
    assert body["decision_id"] == "decision-1"
    assert (body["policy_id"], body["policy"], body["version"]) == (POINTER.policy_id, "gate", 3)
    assert body["module_digest"] == POINTER.module_digest
    assert body["input"] == COMMAND.input
    assert body["input_digest"] == sha256(COMMAND.input).hexdigest()
    assert (body["opa"], body["bundle_revision"], body["duration_us"]) == ("opa-0", 9, 120)
    read = decode("governance.policy.evaluated", encode("governance.policy.evaluated", body))
    assert read.items() >= body.items()


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        ({"allow": True}, "allow"),
        ({"allow": False}, "deny"),
        ({"allow": True, "violations": ["still allowed"]}, "allow"),
        ({"allow": False, "violations": ["x"], "more": {"a": 1}}, "deny"),
        (True, "allow"),
        (False, "deny"),
    ],
)
@pytest.mark.parametrize("fail_mode", ["closed", "open"])
def test_a_result_decides_whatever_the_fail_mode_says(document: object, outcome: str, fail_mode: str) -> None:
    body = body_of(replace(POINTER, fail_mode=fail_mode), answering(document))
    assert (body["outcome"], body["basis"], body["error"]) == (outcome, "policy", "")
    assert body["result"] == orjson.dumps(document)


@pytest.mark.parametrize(("error", "fail_mode"), list(product(ERRORS, ["closed", "open"])))
def test_without_a_result_the_fail_mode_decides_but_not_loaded_is_never_answered_open(
    error: str, fail_mode: str
) -> None:
    body = body_of(replace(POINTER, fail_mode=fail_mode), failing(error))
    opened = fail_mode == "open" and error != "not_loaded"
    assert body["outcome"] == ("allow" if opened else "deny")
    assert (body["basis"], body["error"], body["result"]) == ("fail_mode", error, None)
    assert body["reasons"] == [f"why: {error}"]


def test_an_absent_result_without_an_error_code_is_an_error_and_no_deny_of_the_policy() -> None:
    body = body_of(verdict=replace(ALLOW, result=None))
    assert (body["outcome"], body["basis"], body["error"]) == ("deny", "fail_mode", "undefined")


@pytest.mark.parametrize("fail_mode", ["closed", "open"])
@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        "allow",
        1,
        {"allow": None},
        {"allow": "true"},
        {"allow": 1},
        {"allow": {"allow": True}},
        {"Allow": True},
        {"allow": True, "violations": "none"},
        {"allow": True, "violations": {"a": 1}},
        {"allow": True, "violations": None},
        {"allow": True, "obligations": "none"},
        {"allow": True, "obligations": {"a": 1}},
        {"allow": True, "obligations": None},
    ],
)
def test_a_malformed_decision_document_takes_the_fail_mode(document: object, fail_mode: str) -> None:
    body = body_of(replace(POINTER, fail_mode=fail_mode), answering(document))
    assert (body["basis"], body["error"]) == ("fail_mode", "evaluation_error")
    assert body["outcome"] == ("allow" if fail_mode == "open" else "deny")
    assert body["result"] == orjson.dumps(document), "what the policy said is kept"


@pytest.mark.parametrize(
    ("known", "outcome", "named"),
    [
        (None, "deny", ""),
        (KnownAnswer("d-7", "allow"), "allow", "d-7"),
        (KnownAnswer("d-7", "deny"), "deny", "d-7"),
    ],
)
@pytest.mark.parametrize("error", ERRORS)
def test_without_an_answer_last_known_takes_over_what_the_policy_said_last(
    error: str, known: KnownAnswer | None, outcome: str, named: str
) -> None:
    pointer = replace(POINTER, fail_mode="last_known")
    assert needs_last_known(pointer, failing(error))
    body = body_of(pointer, failing(error), known)
    assert (body["outcome"], body["basis"], body["error"]) == (outcome, "fail_mode", error)
    assert body["known_decision"] == named


def test_an_answer_needs_no_earlier_one() -> None:
    pointer = replace(POINTER, fail_mode="last_known")
    assert not needs_last_known(pointer, answering({"allow": False}))
    body = body_of(pointer, answering({"allow": False}), KnownAnswer("d-7", "allow"))
    assert (body["outcome"], body["known_decision"]) == ("deny", "")
    assert not needs_last_known(replace(POINTER, fail_mode="closed"), failing("timeout"))


@pytest.mark.parametrize(("said", "answer"), [(True, "allow"), (False, "deny")])
@pytest.mark.parametrize("enforcement", ["mandatory", "soft_mandatory", "advisory"])
def test_an_advisory_policy_says_deny_and_allows_all_the_same(
    said: bool, answer: str, enforcement: str
) -> None:
    body = body_of(replace(POINTER, enforcement=enforcement), answering({"allow": said}))
    assert (body["answer"], body["basis"]) == (answer, "policy")
    assert body["outcome"] == ("allow" if enforcement == "advisory" else answer)


@pytest.mark.parametrize(("error", "fail_mode"), list(product(ERRORS, ["closed", "open", "last_known"])))
def test_an_advisory_policy_that_cannot_answer_allows_and_says_that_it_did_not(
    error: str, fail_mode: str
) -> None:
    body = body_of(replace(POINTER, enforcement="advisory", fail_mode=fail_mode), failing(error))
    assert (body["outcome"], body["answer"], body["basis"]) == ("allow", "", "fail_mode")
    assert body["error"] == error


def test_obligations_are_any_json_in_order_and_bounded() -> None:
    obligations: list[object] = ["notify", {"mask": ["a"]}, 3, *({"n": n} for n in range(MAX_OBLIGATIONS))]
    body = body_of(verdict=answering({"allow": True, "obligations": obligations}))
    texts = body["obligations"]
    assert isinstance(texts, list)
    assert texts[:3] == ['"notify"', '{"mask":["a"]}', "3"]
    assert len(texts) == MAX_OBLIGATIONS
    assert decode("governance.policy.evaluated", encode("governance.policy.evaluated", body)) == body


def test_personal_fields_are_masked_in_what_is_stored_and_not_in_the_digest() -> None:
    command = evaluate(document={"person": {"name": "Ann", "age": 41}, "model": "m-17"})
    pointer = replace(POINTER, personal_fields=("/person/name", "/person/email"))
    body = body_of(pointer, command=command)
    assert body["input"] == b'{"person":{"name":"***","age":41},"model":"m-17"}'
    assert (body["masked"], body["input_storage"]) == (["/person/name"], "full")
    assert body["input_digest"] == sha256(command.input).hexdigest()


def test_an_input_of_which_only_the_digest_is_kept_is_not_in_the_event() -> None:
    pointer = replace(POINTER, personal_fields=("/id",), input_storage="digest")
    body = body_of(pointer)
    assert (body["input"], body["masked"], body["input_storage"]) == (b"{}", [], "digest")
    assert body["input_digest"] == sha256(COMMAND.input).hexdigest()
    assert COMMAND.input not in encode("governance.policy.evaluated", body)


def test_violations_become_reasons_in_order_as_text_and_bounded() -> None:
    violations: list[object] = ["first", {"code": 7}, 3, *(f"v{n}" for n in range(MAX_REASONS))]
    body = body_of(verdict=answering({"allow": False, "violations": violations}))
    reasons = body["reasons"]
    assert isinstance(reasons, list)
    assert reasons[:3] == ["first", '{"code":7}', "3"]
    assert len(reasons) == MAX_REASONS
    assert body["result"] == orjson.dumps({"allow": False, "violations": violations})


def test_an_unknown_policy_is_rejected() -> None:
    outcome = decide_evaluation(COMMAND, None, (), "decision-1", ())
    assert isinstance(outcome, Rejection)
    assert outcome.reason == "unknown_policy"


@pytest.mark.parametrize("state", ["draft", "retired"])
def test_a_policy_without_an_active_version_is_rejected(state: str) -> None:
    outcome = decide_evaluation(
        COMMAND, gate(replace(POINTER, version=None, state=state)), [None], "decision-1", [None]
    )
    assert isinstance(outcome, Rejection)
    assert outcome.reason == "policy_not_active"
    assert state in outcome.detail


def test_a_version_that_was_not_asked_decides_nothing() -> None:
    outcome = decide_evaluation(COMMAND, gate(POINTER), [None], "decision-1", [None])
    assert isinstance(outcome, Rejection)
    assert outcome.reason == "policy_not_active"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["allow", "violations", "obligations", "x"]), inner)
    ),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["closed", "open"]))
def test_no_document_but_a_plain_true_is_an_allow_of_the_policy(document: object, fail_mode: str) -> None:
    body = body_of(replace(POINTER, fail_mode=fail_mode), answering(document))
    said = document.get("allow") if isinstance(document, dict) else document
    if body["outcome"] == "allow":
        assert said is True if body["basis"] == "policy" else fail_mode == "open"
    encode("governance.policy.evaluated", body)
