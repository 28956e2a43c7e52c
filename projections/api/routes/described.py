"""What the OpenAPI document says of every path under ``/api/v1``."""

from typing import Annotated, Any, Final

from fastapi import Header
from pydantic.json_schema import SkipJsonSchema

from projections.problems import (
    INTERNAL,
    INVALID_PARAMETER,
    NOT_FOUND,
    SCOPE_MISSING,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Kind,
    responses,
)

Responses = dict[int | str, dict[str, Any]]

_ALWAYS: Final = (UNAUTHENTICATED, SCOPE_MISSING, INVALID_PARAMETER, INTERNAL, UNAVAILABLE)
_UNCHANGED: Final[dict[str, Any]] = {"description": "The caller has the current answer."}

IfNoneMatch = Annotated[
    str | SkipJsonSchema[None],
    Header(
        alias="If-None-Match",
        description="`ETag` of an answer that the caller has; 304 when it is still the same.",
    ),
]


def of_list() -> Responses:
    """The error answers of a list."""
    return responses(*_ALWAYS)


def of_part() -> Responses:
    """The error answers of a list that belongs to a resource."""
    return responses(*_ALWAYS, NOT_FOUND)


def of_fixed_list() -> Responses:
    """The error answers of a list that changes with a release only, and 304."""
    return {304: _UNCHANGED, **responses(*_ALWAYS)}


def of_resource(*more: Kind) -> Responses:
    """The error answers of a single resource, and 304."""
    return {304: _UNCHANGED, **responses(*_ALWAYS, NOT_FOUND, *more)}
