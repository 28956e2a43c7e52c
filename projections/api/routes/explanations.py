"""``/api/v1/decisions/{decision}/explanation``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, cast

import orjson
from fastapi import APIRouter, Query, Request, Response

from projections.api.answers import resource
from projections.api.callers import PartsOf, Reader
from projections.api.decision_models import Explanation, PolicyExplanation, RuleExplanation
from projections.api.filters import NoParameters
from projections.api.queries.decisions import decision, subject_keys
from projections.api.queries.events import event
from projections.api.queries.explanations import stored_version
from projections.api.routes.decisions import PERSONAL, DecisionId
from projections.api.routes.described import IfNoneMatch, of_resource
from projections.problems import NOT_EXPLAINABLE, Problem, not_found, unavailable
from rego import CheckUnavailable
from rego.explaining import Explainer, NotExplained
from rego.explaining import Explanation as Explained
from rego.loaded import Loaded
from rego.source import PolicySource
from schemas.codec import Body
from schemas.identity import MAX_NAME_CHARS
from schemas.personal import keyed_digest, opened, pseudonyms

router = APIRouter(prefix="/api/v1/decisions", tags=["decisions"])

ANSWERED: Final = frozenset({"", "undefined", "evaluation_error"})
"""Errors that say what the version itself did with the input; after others nothing is there to compare."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One policy that a decision asked; ``stored`` is None where its version is not what was recorded."""

    said: Body
    stored: tuple[PolicySource, Loaded] | None


@router.get(
    "/{decision}/explanation",
    response_model=Explanation,
    responses=of_resource(NOT_EXPLAINABLE),
    operation_id="explain_decision",
)
async def explain_decision(
    request: Request,
    caller: Reader,
    parts: PartsOf,
    decision_id: DecisionId,
    _query: Annotated[NoParameters, Query()],
    _if_none_match: IfNoneMatch = None,
) -> Response:
    """Makes a decision again, with the version and input that it names, and says which rules fired.

    409 where the input was masked or only its digest was kept, and, unless scope `personal:read` opens them,
    where fields of it are encrypted. Few run at a time; 503 asks to come again.
    """
    if len(decision_id) > MAX_NAME_CHARS or not decision_id.isprintable():
        raise not_found("decision")
    async with parts.database.reading(caller.tenant) as session:
        row = await decision(session, decision_id)
        if row is None:
            raise not_found("decision")
        body = (await event(session, row.head)).body
        sealed = pseudonyms(cast("bytes", body["input"])) if PERSONAL in caller.scopes else ()
        document = _kept(body, decision_id, await subject_keys(session, sealed) if sealed else {})
        asked = [
            _Asked(said, _as_recorded(said, await stored_version(session, str(said["policy_id"]), version)))
            for said in _policies(body)
            if isinstance(version := said["version"], int)
        ]
    if parts.explainer.busy:
        raise unavailable("explanations", "Too many decisions are being explained.")
    explained = [await _explained(parts.explainer, caller.tenant, each, document) for each in asked]
    return resource(request, Explanation(decision_id=decision_id, policies=explained))


def _kept(body: Body, decision_id: str, keys: Mapping[str, bytes]) -> bytes:
    """The input as it was decided on; ``keys`` open what is encrypted of it."""
    if body["input_storage"] == "digest":
        raise Problem(NOT_EXPLAINABLE, "Only the digest of its input was kept.", reason="input_digested")
    document = cast("bytes", body["input"])
    if not body["masked"]:
        return document
    clear = opened(document, decision_id, keys)
    if any(keyed_digest(key, clear) == body["input_digest"] for key in keys.values()):
        return clear
    raise Problem(NOT_EXPLAINABLE, "Personal fields of its input are not readable.", reason="input_masked")


def _policies(body: Body) -> Sequence[Body]:
    return cast("Sequence[Body]", body["parts"]) if body["combining"] else [body]


def _as_recorded(
    said: Body, stored: tuple[PolicySource, Loaded] | None
) -> tuple[PolicySource, Loaded] | None:
    return stored if stored is not None and stored[1].digest == said["module_digest"] else None


async def _explained(explainer: Explainer, tenant: str, asked: _Asked, document: bytes) -> PolicyExplanation:
    said, why, run = asked.said, "", None
    version = cast("int", said["version"])
    if asked.stored is None:
        why = "the version with the recorded digest is not stored"
    else:
        try:
            run = await explainer.explain((tenant, str(said["policy_id"]), version), *asked.stored, document)
        except NotExplained as error:
            why = f"the run was ended: {error}"
        except CheckUnavailable as error:
            raise unavailable("opa_binary", "No OPA program explains decisions here.") from error
    return PolicyExplanation(
        policy_id=str(said["policy_id"]),
        policy=str(said["policy"]),
        version=version,
        same=None if run is None else _same(said, run),
        not_run=why,
        result=None if run is None else run.result,
        error="" if run is None else run.error,
        converted=run is not None and run.converted,
        rules=[
            RuleExplanation(file=r.file, row=r.row, name=r.name, fired=r.fired, value=r.value)
            for r in (run.rules if run else ())
        ],
    )


def _same(said: Mapping[str, object], run: Explained) -> bool | None:
    """Whether the run gave what was recorded; None where the policy was not asked or not waited for."""
    if said["error"] not in ANSWERED:
        return None
    recorded = said["result"]
    if isinstance(recorded, bytes):
        return bool(orjson.loads(recorded) == run.result and not run.error)
    return run.result is None and bool(run.error) == (said["error"] == "evaluation_error")
