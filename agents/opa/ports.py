"""The evaluation port: many questions in, one answer each, in order.

An evaluator never raises for what OPA does or fails to do; it says so in the answer. What an error
means for the outcome is decided by the caller (the policy's fail mode), never here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

EvaluationError = Literal["", "undefined", "not_loaded", "evaluation_error", "timeout", "unreachable"]
"""Why there is no result.

``undefined``         the version is loaded and has no decision for this document
``not_loaded``        the process serves a bundle older than the one that confirmed the version
``evaluation_error``  OPA reported an error of this policy (conflict, builtin error, unusable result)
``timeout``           no result inside ``timeout_ms`` from a process that otherwise answers
``unreachable``       no process answered, or what answered is no OPA with our entry point
"""


@dataclass(frozen=True, slots=True)
class Question:
    """One policy version asked about one document.

    ``document`` must be exactly one JSON value in UTF-8, checked by :mod:`schemas.documents`: it
    is spliced into the request as it is, so anything else could speak for its batch neighbours.
    ``id`` is for the caller alone. ``timeout_ms`` is at least 1. ``confirmed_revision`` is the
    bundle revision that confirmed the version, 0 when unknown.
    """

    id: str
    tenant: str
    policy_id: str
    version: int
    document: bytes
    timeout_ms: int
    confirmed_revision: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What OPA said: either ``result`` (the decision document, one JSON value) or ``error``.

    ``detail`` explains an error to people (at most 500 characters); ``duration_us`` is the time of
    the request that answered, shared by its batch; ``opa`` names the process and ``revision`` is
    the bundle revision that answered, empty and 0 when none did.
    """

    id: str
    result: bytes | None
    error: EvaluationError
    detail: str
    duration_us: int
    opa: str
    revision: int


class Evaluator(Protocol):
    """Answers questions; see the module's docstring."""

    async def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer per question, in the order of the questions."""
