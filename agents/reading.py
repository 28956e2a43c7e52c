"""From a raw record to a command, a refusal, or an unreadable record. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from pydantic import ValidationError

from agents.errors import Outage
from agents.records import CommandRecord
from schemas.codec import Body, WriterSchemas, decode
from schemas.documents import MAX_INPUT_BYTES, check_document
from schemas.envelope import MAX_COMMAND_BYTES, STRUCTURED_CONTENT, Envelope, envelope_of
from schemas.errors import RegistryUnavailable, Unreadable
from schemas.identity import message_key, partition_for
from schemas.mac import engine_made
from schemas.models import COMMANDS, Command, Evaluate, LaneAddressed, SuspendPolicy, UnshadowPolicy
from schemas.structured import read_structured
from schemas.topics import Topics

MAX_DETAIL_CHARS: Final = 500
"""Text for people about what is wrong with a record."""


class InboxKey(NamedTuple):
    """CloudEvents identity inside a tenant."""

    tenant: str
    source: str
    command_id: str


@dataclass(frozen=True, slots=True)
class Identified:
    """A record whose envelope is sound: it gets an inbox row."""

    record: CommandRecord
    envelope: Envelope
    digest: bytes
    """SHA-256 of type, subject and value: what makes a repeat identical."""

    @property
    def key(self) -> InboxKey:
        """Its inbox key."""
        return InboxKey(self.envelope.tenant, self.envelope.source, self.envelope.id)


@dataclass(frozen=True, slots=True)
class Received(Identified):
    """A command to decide."""

    command: Command


@dataclass(frozen=True, slots=True)
class Refused(Identified):
    """A readable command that no decision needs to look at."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A record for quarantine."""

    record: CommandRecord
    reason: str
    detail: str
    tenant: str
    """Tenant that its headers name, or empty."""


Reading = Received | Refused | Unread


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads records of every family."""

    topics: Topics
    engine_key: bytes
    writers: WriterSchemas | None = None

    def read(self, record: CommandRecord) -> Reading:
        """The reading of one record, whatever its bytes.

        Raises :class:`Outage` while a schema registry that it needs is away.
        """
        try:
            return self._read(record)
        except RegistryUnavailable as error:
            raise Outage(str(error)) from error
        except Unreadable as error:
            return Unread(record, error.reason, _printable(error.detail), _tenant(record.headers))

    def _read(self, record: CommandRecord) -> Reading:
        value = record.value
        if value is not None and len(value) > MAX_COMMAND_BYTES:
            raise Unreadable("oversize", f"{len(value)} bytes, the limit is {MAX_COMMAND_BYTES}")
        structured = _is_structured(record.headers)
        body: Body
        if structured:
            envelope, body = read_structured(value)
        else:
            envelope = envelope_of(record.headers)
            body = decode(envelope.type, value, self.writers)
        model = COMMANDS.get(envelope.type)
        if model is None:
            raise Unreadable("unknown_type", f"{envelope.type!r} is no command")
        digest = sha256(
            b"\0".join((envelope.type.encode(), envelope.subject.encode(), value or b""))
        ).digest()
        try:
            command = model.model_validate(body)
        except ValidationError as error:
            return Refused(record, envelope, digest, "invalid", _first_problem(error))
        if refusal := self._refusal(record, envelope, command, structured):
            return Refused(record, envelope, digest, *refusal)
        return Received(record, envelope, digest, command)

    def _refusal(
        self, record: CommandRecord, envelope: Envelope, command: Command, structured: bool
    ) -> tuple[str, str] | None:
        topic = self.topics.named(record.topic)
        if envelope.type not in topic.messages:
            return "wrong_topic", f"{envelope.type} does not belong on {record.topic}"
        key = message_key(envelope.tenant, command.aggregate(envelope.tenant))
        if record.key != key:
            return "wrong_key", f"the key must be {key.decode()[:400]}"
        if isinstance(command, LaneAddressed):
            if (command.topic, command.partition) != (record.topic, record.partition):
                return "wrong_lane", f"addressed to {command.topic}/{command.partition}"
        elif record.partition != (right := partition_for(key, topic.partitions)):
            return "wrong_lane", f"the key belongs to partition {right} (murmur2)"
        if (envelope.type in self.topics.engine_made or _speaks_for_the_engine(command)) and (
            structured or not engine_made(self.engine_key, envelope, record.value or b"")
        ):
            return "forged", f"{envelope.type} needs the engine's authentication code"
        if isinstance(command, Evaluate):
            return _bad_input(command.input)
        return None


def _speaks_for_the_engine(command: Command) -> bool:
    return isinstance(command, SuspendPolicy | UnshadowPolicy) and command.cause != "operator"


def _bad_input(document: bytes) -> tuple[str, str] | None:
    if len(document) > MAX_INPUT_BYTES:
        return "input_too_large", f"{len(document)} bytes, the limit is {MAX_INPUT_BYTES}"
    try:
        check_document(document)
    except Unreadable as error:
        return "bad_input", error.detail
    return None


def _is_structured(headers: Iterable[tuple[str, bytes]]) -> bool:
    for name, value in headers:
        if name == "content-type":
            return value.startswith(STRUCTURED_CONTENT.encode())
    return False


def _tenant(headers: Iterable[tuple[str, bytes]]) -> str:
    try:
        return envelope_of(headers).tenant
    except Unreadable:
        return ""


def _printable(text: str) -> str:
    """Details may quote the record, and the database takes no NUL characters."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:MAX_DETAIL_CHARS])


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return _printable(f"{where}: {first['msg']}")
