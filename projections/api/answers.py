"""HTTP answers: JSON bytes, validators (RFC 9110 section 13) and cache rules."""

from hashlib import sha256
from typing import Final

import orjson
from fastapi import Request, Response
from pydantic import BaseModel

PRIVATE: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
"""Answers belong to one tenant, and are asked for again with their validator each time."""


def answered(model: BaseModel, status: int = 200) -> Response:
    """An answer without validator: lists change too often for one."""
    return Response(_json(model), status, headers=PRIVATE, media_type="application/json")


def resource(request: Request, model: BaseModel) -> Response:
    """A 200 answer with its ``ETag``, or 304 when the caller has it already."""
    return with_validator(request, _json(model))


def with_validator(request: Request, body: bytes) -> Response:
    """The same for JSON bytes. The tag is weak: compression changes bytes, not meaning."""
    tag = f'W/"{sha256(body).hexdigest()[:32]}"'
    headers = {**PRIVATE, "ETag": tag}
    if _matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _json(model: BaseModel) -> bytes:
    return orjson.dumps(model.model_dump())


def _matches(if_none_match: str | None, tag: str) -> bool:
    """Weak comparison of RFC 9110 section 13.1.2."""
    if if_none_match is None:
        return False
    opaque = tag.removeprefix("W/")
    candidates = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return opaque in candidates or candidates == ["*"]
