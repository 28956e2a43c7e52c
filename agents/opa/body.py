"""The JSON of one batch request and of its answer (the shapes that rego/gov.rego defines)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import orjson

from agents.opa.errors import Refused, Unreached, Unreadable
from agents.opa.ports import Question


@dataclass(frozen=True, slots=True)
class Reply:
    """One answered batch.

    ``results`` maps positions of the batch to decision documents; a position without decision is
    absent. ``revision`` is 0 without a bundle. ``entry`` is False while gov.rego is not loaded.
    """

    results: dict[int, bytes]
    revision: int
    entry: bool


def encode_batch(questions: Sequence[Question]) -> bytes:
    """The request body; documents go in as they are, neither decoded nor encoded."""
    items = b",".join(
        [b"%b%b}" % (_opening(q.tenant, q.policy_id, q.version), q.document) for q in questions]
    )
    return b'{"input":{"items":[%b]}}' % items


def decode_batch(data: bytes, size: int) -> Reply:
    """The reply in a 200 answer to a batch of ``size``.

    Raises :class:`Unreadable`, and :class:`Unreached` for what no OPA with our entry point says.
    """
    try:
        answer = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"no readable answer: {error}") from None
    if not isinstance(answer, dict):
        raise Unreached("the answer is no JSON object")
    revision = _revision(answer.get("provenance"))
    if "result" not in answer:
        return Reply({}, revision, entry=False)
    result = answer["result"]
    if not isinstance(result, dict):
        raise Unreached("the answer's result is no JSON object")
    results: dict[int, bytes] = {}
    for key, decision in result.items():
        if not _POSITION.fullmatch(key) or int(key) >= size:
            raise Unreached(f"the answer names an item {key[:32]!r} that was not asked")
        results[int(key)] = orjson.dumps(decision)
    return Reply(results, revision, entry=True)


def refusal(status: int, data: bytes) -> Refused | Unreached:
    """The error in an answer other than 200 (OPA's REST API, "Errors")."""
    try:
        answer = orjson.loads(data)
    except orjson.JSONDecodeError:
        return Unreached(f"HTTP {status} without OPA's error document")
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), str):
        return Unreached(f"HTTP {status} without OPA's error document")
    if status not in _REFUSALS:
        return Unreached(f"HTTP {status}: {answer['code']}: {answer.get('message')}")
    errors = answer.get("errors")
    messages = [
        f"{error.get('code')}: {error.get('message')}"
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
    ]
    return Refused("; ".join(messages) or f"{answer['code']}: {answer.get('message')}")


@lru_cache(maxsize=16_384)
def _opening(tenant: str, policy_id: str, version: int) -> bytes:
    names = orjson.dumps({"t": tenant, "p": policy_id, "v": f"v{version}"})
    return names[:-1] + b',"doc":'


def _revision(provenance: object) -> int:
    bundles = provenance.get("bundles") if isinstance(provenance, dict) else None
    if not isinstance(bundles, dict):
        return 0
    revisions = [bundle.get("revision") for bundle in bundles.values() if isinstance(bundle, dict)]
    numbers = [int(text) for text in revisions if isinstance(text, str) and _REVISION.fullmatch(text)]
    return min(numbers, default=0)


_POSITION = re.compile(r"0|[1-9][0-9]{0,8}")
_REVISION = re.compile(r"[0-9]{1,18}")

_REFUSALS = frozenset({400, 500})
"""400: a document is no JSON for OPA; 500: evaluation failed."""
