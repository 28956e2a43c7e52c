"""Confluent framing (``00`` + 4-byte schema id + datum) with a Confluent-compatible schema registry.

Used when ``AUMOS_SCHEMA_REGISTRY_URL`` is set. Subjects are record names (``RecordNameStrategy``),
since a topic carries many types. Ids never change their meaning, so that each is asked for once; the
request blocks its caller, at most :data:`TIMEOUT_S`.
"""

import json
import time
from collections.abc import Callable
from typing import Any, Final

import httpx
from fastavro.schema import parse_schema
from fastavro.types import Schema

from schemas.avro import FOLDER, released
from schemas.codec import CONFLUENT, Body, encode
from schemas.compatibility import unreadable
from schemas.errors import RegistryUnavailable, Unreadable
from schemas.shape import BAD_SCHEMA

TIMEOUT_S: Final = 2.0
"""Longest wait for the registry, in seconds; short, because a lane stands still meanwhile."""

FORGET_UNKNOWN_S: Final = 60.0
"""How long an id that the registry does not know is not asked for again: bad records must not each
cost a request, and an id that is registered later must be found."""

MAX_UNKNOWN: Final = 1024
"""Unknown ids remembered at most."""

_DATUM: Final = 10
"""Where the datum starts in single-object encoding."""


class ConfluentRegistry:
    """:class:`schemas.codec.WriterSchemas` over the registry's REST API, and the encoding that uses it."""

    def __init__(
        self,
        url: str,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # A neighbour of the deployment: never through a proxy.
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/", timeout=TIMEOUT_S, transport=transport, trust_env=False
        )
        self._clock = clock
        self._writers: dict[int, Schema] = {}
        self._unknown: dict[int, tuple[float, str]] = {}
        self._ids: dict[str, int] = {}

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def writer(self, schema_id: int) -> Schema:
        """The writer schema of an id.

        Raises :class:`Unreadable` (``unknown_schema``) for an id that is unknown, that names none of
        our records, or whose data ours cannot read; :class:`RegistryUnavailable` while the registry
        does not answer.
        """
        known = self._writers.get(schema_id)
        if known is not None:
            return known
        until, reason = self._unknown.get(schema_id, (0.0, ""))
        if self._clock() < until:
            raise Unreadable("unknown_schema", reason)
        try:
            schema = self._fetch(schema_id)
        except Unreadable as error:
            self._remember_unknown(schema_id, error.detail)
            raise
        self._writers[schema_id] = schema
        return schema

    def encode(self, message_type: str, body: Body) -> bytes:
        """The body in Confluent framing by the newest schema of its type, registered when it is new.

        Raises KeyError for an unknown type, ValueError for a body that does not fit,
        :class:`RegistryUnavailable`.
        """
        datum = encode(message_type, body)[_DATUM:]
        schema_id = self._ids.get(message_type)
        if schema_id is None:
            schema_id = self._ids[message_type] = self._register(message_type)
        return bytes((CONFLUENT,)) + schema_id.to_bytes(4, "big") + datum

    def _fetch(self, schema_id: int) -> Schema:
        answer = self._ask("GET", f"schemas/ids/{schema_id}")
        if answer is None:
            raise Unreadable("unknown_schema", f"the registry has no schema {schema_id}")
        if answer.get("schemaType", "AVRO") != "AVRO":
            raise Unreadable("unknown_schema", f"schema {schema_id} is no Avro schema")
        try:
            schema = parse_schema(json.loads(answer["schema"]), named_schemas={})
        except BAD_SCHEMA as error:
            raise Unreadable("unknown_schema", f"schema {schema_id}: {type(error).__name__}") from error
        _check_ours(schema_id, schema)
        return schema

    def _register(self, message_type: str) -> int:
        newest = released().newest(message_type)
        file = FOLDER / newest.kind / f"{newest.type}.v{newest.version}.avsc"
        assert isinstance(newest.schema, dict)
        content = {"schema": file.read_text(), "schemaType": "AVRO"}
        answer = self._ask("POST", f"subjects/{newest.schema['name']}/versions", content)
        if answer is None:
            raise RegistryUnavailable(f"the registry at {self._http.base_url.host} takes no schemas")
        return int(answer["id"])

    def _ask(self, method: str, path: str, content: object = None) -> dict[str, Any] | None:
        """The registry's answer; None for 404."""
        try:
            response = self._http.request(method, path, json=content)
            if response.status_code == httpx.codes.NOT_FOUND:
                return None
            response.raise_for_status()
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            host = self._http.base_url.host
            raise RegistryUnavailable(
                f"schema registry at {host}: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(answer, dict):
            raise RegistryUnavailable(f"schema registry at {self._http.base_url.host}: no JSON object")
        return answer

    def _remember_unknown(self, schema_id: int, reason: str) -> None:
        if len(self._unknown) >= MAX_UNKNOWN:
            del self._unknown[next(iter(self._unknown))]
        self._unknown[schema_id] = (self._clock() + FORGET_UNKNOWN_S, reason)


def encode_confluent(message_type: str, body: Body, registry: ConfluentRegistry) -> bytes:
    """As :func:`schemas.codec.encode`, in Confluent framing."""
    return registry.encode(message_type, body)


def _check_ours(schema_id: int, schema: Schema) -> None:
    name = schema.get("name") if isinstance(schema, dict) else None
    for versions in released().versions.values():
        newest = versions[-1].schema
        if isinstance(newest, dict) and newest["name"] == name:
            reasons = unreadable(reader=newest, writer=schema)
            if reasons:
                raise Unreadable("unknown_schema", f"schema {schema_id}: {'; '.join(reasons)}"[:500])
            return
    raise Unreadable("unknown_schema", f"schema {schema_id} describes {str(name)[:100]!r}, none of ours")
