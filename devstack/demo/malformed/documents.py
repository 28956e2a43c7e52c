"""Readable evaluations whose input no policy gets to see: each is rejected."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from devstack.demo.malformed.kind import Case, rejected
from devstack.demo.records import Record
from schemas.codec import encode
from schemas.documents import MAX_INPUT_BYTES, MAX_INPUT_DEPTH
from schemas.models import Evaluate

_TOO_DEEP: Final = MAX_INPUT_DEPTH + 1


def _document(document: bytes) -> Callable[[Case], Record]:
    """The evaluation with another input; the client itself would not send it."""

    def make(case: Case) -> Record:
        return replace(case.sound(), value=encode(Evaluate.TYPE, {**_body(case), "input": document}))

    return make


def _control_character(case: Case) -> Record:
    return replace(
        case.sound(), value=encode(Evaluate.TYPE, {**_body(case), "policy": case.ask.gate.name + "\x00"})
    )


def _body(case: Case) -> dict[str, object]:
    ask = case.ask
    return {
        "policy": ask.gate.name,
        "input": ask.document,
        "resource": ask.resource,
        "decision_point": ask.gate.decision_point,
    }


DOCUMENTS: Final = (
    rejected("NaN", "bad_input", _document(b'{"model":{"explainability_score":NaN}}')),
    rejected("key twice", "bad_input", _document(b'{"model":{"risk_level":"high","risk_level":"low"}}')),
    rejected("nested deeply", "bad_input", _document(b'{"a":' * _TOO_DEEP + b"1" + b"}" * _TOO_DEEP)),
    rejected("NUL character", "bad_input", _document(b'{"model":{"name":"gpt\\u0000"}}')),
    rejected("invalid UTF-8", "bad_input", _document(b'{"model":{"name":"\xc3\x28"}}')),
    rejected("list instead of an object", "bad_input", _document(b"[]")),
    rejected("input cut off", "bad_input", _document(b'{"model":{"risk_level":"hi')),
    rejected("input over the limit", "input_too_large", _document(b'{"a":"%s"}' % (b"x" * MAX_INPUT_BYTES))),
    rejected("NUL in the policy's name", "invalid", _control_character),
)
