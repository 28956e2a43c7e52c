"""Commands in files: JSON or YAML, one or many, checked before anything is sent.

One command is an object with ``type`` and ``data``, and whatever else of CloudEvents is known
(``id``, ``source``, ``tenantid``, ``actorid``, ``expectedversion``, ``correlationid``,
``traceparent``). Several stand in a JSON array, in lines, or in YAML documents.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from client.errors import InvalidCommand
from schemas.avro import released
from schemas.errors import Unreadable
from schemas.models import COMMANDS, Command, Name
from schemas.structured import body_from_json

STDIN: Final = "-"


class _Document(BaseModel):
    """A command as it stands in a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    data: dict[str, Any]
    specversion: str = "1.0"
    id: Name | None = None
    source: Name | None = None
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    tenantid: Name | None = None
    actorid: Name | None = None
    expectedversion: Annotated[int, Field(ge=0)] | None = None
    correlationid: Name | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A command from a file; None where the file leaves it to the caller."""

    command: Command
    id: str | None
    source: str | None
    tenant: str | None
    actor: str | None
    expected_version: int | None
    correlation: str
    traceparent: str


def read_text(name: str) -> str:
    """The text of a file, ``-`` for standard input; raises :class:`InvalidCommand`."""
    try:
        return sys.stdin.read() if name == STDIN else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidCommand(f"{name}: {error}") from error


def read_document(name: str) -> dict[str, object]:
    """One JSON or YAML object; raises :class:`InvalidCommand`."""
    found = list(_objects(name, read_text(name)))
    if len(found) != 1 or not isinstance(found[0], dict):
        raise InvalidCommand(f"{name}: holds {len(found)} documents, one object is wanted")
    return found[0]


def read_commands(name: str) -> list[Written]:
    """Every command of a file; raises :class:`InvalidCommand` that names the first bad one by its number."""
    written: list[Written] = []
    for number, found in enumerate(_objects(name, read_text(name)), 1):
        try:
            written.append(_written(found))
        except (Unreadable, ValidationError, InvalidCommand) as error:
            raise InvalidCommand(f"{name}, command {number}: {_said(error)}") from None
    if not written:
        raise InvalidCommand(f"{name}: holds no command")
    return written


def _written(found: object) -> Written:
    document = _Document.model_validate(found)
    model = COMMANDS.get(document.type)
    if model is None:
        raise InvalidCommand(f"unknown type {document.type!r}; known: {', '.join(sorted(COMMANDS))}")
    body = body_from_json(released().newest(document.type), document.data)
    return Written(
        command=model.model_validate(dict(body)),
        id=document.id,
        source=document.source,
        tenant=document.tenantid,
        actor=document.actorid,
        expected_version=document.expectedversion,
        correlation=document.correlationid or "",
        traceparent=document.traceparent or "",
    )


def _objects(name: str, text: str) -> Iterator[object]:
    """JSON (an object, an array, or a line each), else YAML documents."""
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            yield from [orjson.loads(line) for line in lines]
        except orjson.JSONDecodeError:
            yield from _yaml(name, text)
        return
    yield from whole if isinstance(whole, list) else [whole]


def _yaml(name: str, text: str) -> Iterator[object]:
    try:
        for document in yaml.safe_load_all(text):
            if document is not None:
                yield from document if isinstance(document, list) else [document]
    except yaml.YAMLError as error:
        raise InvalidCommand(f"{name}: neither JSON nor YAML: {error}") from error


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
