"""Error answers of the HTTP APIs: ``application/problem+json`` (RFC 9457), one stable ``type`` per kind.

Raise a :class:`Problem` (or let :class:`~projections.tokens.TokenRefused` and
:class:`~projections.jwks.KeysUnavailable` pass); :func:`install` makes an app answer with it, and
:func:`responses` describes it in the OpenAPI document. A detail never holds a token, a body or an
address of another process. ``correlation_id`` is taken from ``request.state`` where a middleware
put one there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from projections.jwks import KeysUnavailable
from projections.tokens import TokenRefused

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:aumos-governance:problem:"

RETRY_AFTER_S: Final = 2
"""Advice of every 503 answer, in seconds: a lost connection is retried within that time."""


MAX_ERRORS: Final = 20
"""Invalid parameters that one answer names; a request may invent thousands."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem; ``code`` ends its ``type`` and never changes."""

    code: str
    status: int
    title: str


UNAUTHENTICATED: Final = Kind("unauthenticated", 401, "The Bearer token is missing or refused")
SCOPE_MISSING: Final = Kind("scope-missing", 403, "The token lacks a scope")
NOT_FOUND: Final = Kind("not-found", 404, "There is no such resource")
METHOD_NOT_ALLOWED: Final = Kind("method-not-allowed", 405, "The method is not allowed here")
AMBIGUOUS: Final = Kind("ambiguous", 409, "The request names more than one resource")
NOT_EXPLAINABLE: Final = Kind("not-explainable", 409, "The decision cannot be made again")
INVALID_PARAMETER: Final = Kind("invalid-parameter", 422, "A parameter is invalid")
INTERNAL: Final = Kind("internal", 500, "The server failed")
UNAVAILABLE: Final = Kind("unavailable", 503, "Something that this answer needs is down")


class FieldError(BaseModel):
    """What is wrong with one parameter."""

    field: str = Field(examples=["limit"])
    detail: str = Field(examples=["Input should be less than or equal to 200"])


class ProblemDetails(BaseModel):
    """A problem as RFC 9457 writes it."""

    type: str = Field(description="Stable identifier of the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="What went wrong this time, for people.")
    correlation_id: str | None = Field(default=None, description="Names this request in the logs.")
    reason: str | None = Field(default=None, description="Stable code, where the kind has several causes.")
    errors: list[FieldError] | None = Field(default=None, description="One entry per invalid parameter.")
    sources: list[str] | None = Field(default=None, description="What an ambiguous request may have meant.")


class Problem(Exception):
    """An error answer; ``reason``, ``errors`` and ``sources`` as in :class:`ProblemDetails`."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        reason: str | None = None,
        errors: Sequence[FieldError] | None = None,
        sources: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{kind.code}: {detail}")
        self.kind = kind
        self.detail = detail
        self.reason = reason
        self.errors = errors
        self.sources = sources
        self.headers = dict(headers or {})


def not_found(what: str) -> Problem:
    """404, the same for an id that never was and for another tenant's."""
    return Problem(NOT_FOUND, f"There is no such {what}.")


def invalid(field: str, detail: str) -> Problem:
    """422 about one parameter."""
    return Problem(INVALID_PARAMETER, f"{field}: {detail}", errors=[FieldError(field=field, detail=detail)])


def unavailable(reason: str, detail: str) -> Problem:
    """503; ``reason`` names what is down in snake_case."""
    return Problem(UNAVAILABLE, detail, reason=reason, headers={"Retry-After": str(RETRY_AFTER_S)})


def scope_missing(scope: str) -> Problem:
    """403 with the challenge of RFC 6750 section 3.1."""
    challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
    return Problem(SCOPE_MISSING, f"The token lacks {scope}.", headers={"WWW-Authenticate": challenge})


def unauthenticated(refused: TokenRefused) -> Problem:
    """401 with the challenge of RFC 6750 section 3.1."""
    challenge = "Bearer" if refused.reason == "missing" else 'Bearer error="invalid_token"'
    detail = f"Send a valid token as 'Authorization: Bearer …' ({refused.reason})."
    return Problem(UNAUTHENTICATED, detail, reason=refused.reason, headers={"WWW-Authenticate": challenge})


def answer(request: Request, problem: Problem) -> Response:
    """The HTTP response of a problem."""
    body = ProblemDetails(
        type=TYPE_PREFIX + problem.kind.code,
        title=problem.kind.title,
        status=problem.kind.status,
        detail=problem.detail,
        correlation_id=getattr(request.state, "correlation_id", None),
        reason=problem.reason,
        errors=list(problem.errors) if problem.errors else None,
        sources=list(problem.sources) if problem.sources else None,
    )
    return Response(
        body.model_dump_json(exclude_none=True),
        status_code=problem.kind.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def install(app: FastAPI) -> None:
    """Makes every error of ``app`` a problem, and adds their schema to its OpenAPI document."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(TokenRefused, _on_refused)
    app.add_exception_handler(KeysUnavailable, _on_keys_unavailable)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_failure)
    document = app.openapi

    def with_problem_schema() -> dict[str, Any]:
        described = document()
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        for model in (FieldError, ProblemDetails):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schema.pop("$defs", None)
            schemas[model.__name__] = schema
        return described

    app.openapi = with_problem_schema  # type: ignore[method-assign]


def responses(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` argument of a route that answers with these problems."""
    return {kind.status: _described(kind) for kind in kinds}


def _described(kind: Kind) -> dict[str, Any]:
    example = {
        "type": TYPE_PREFIX + kind.code,
        "title": kind.title,
        "status": kind.status,
        "detail": "What went wrong this time.",
        "correlation_id": "0197c3a0b1f27d4e8a5c6d7e8f901234",
    }
    schema = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
    return {"description": kind.title, "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(request, error)


async def _on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, TokenRefused)
    return answer(request, unauthenticated(error))


async def _on_keys_unavailable(request: Request, error: Exception) -> Response:
    return answer(request, unavailable("token_issuer", "The token issuer's keys cannot be fetched."))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [FieldError(field=name, detail=detail) for name, detail in _refused(error.errors()).items()]
    detail = "; ".join(f"{each.field}: {each.detail}" for each in found)
    return answer(request, Problem(INVALID_PARAMETER, detail, errors=found))


def _refused(errors: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What is wrong with each parameter; an optional one may say so twice, once for each alternative."""
    found: dict[str, str] = {}
    for each in errors[:MAX_ERRORS]:
        place = each["loc"]  # ("query", name, ...)
        name = str(place[1] if len(place) > 1 else place[0])
        if each["type"] != "none_required":
            message = str(each["msg"]).removeprefix("Value error, ")
            found.setdefault(name, _UNKNOWN if each["type"] == "extra_forbidden" else message)
    return found


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code) or Kind(
        f"http-{error.status_code}", error.status_code, str(error.detail)
    )
    return answer(request, Problem(kind, str(error.detail), headers=error.headers))


async def _on_failure(request: Request, error: Exception) -> Response:
    return answer(request, Problem(INTERNAL, "The failure is in the server's log under the correlation id."))


_UNKNOWN: Final = "there is no such parameter"
_BY_STATUS: Final = {kind.status: kind for kind in (NOT_FOUND, METHOD_NOT_ALLOWED, INTERNAL, UNAVAILABLE)}
