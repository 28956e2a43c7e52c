"""CloudEvents 1.0 attributes and their Kafka binary-mode headers.

Attributes and extensions travel as ``ce_<name>`` headers, the W3C trace context as ``traceparent``
and ``tracestate`` (CloudEvents Kafka protocol binding 1.0.2, distributed tracing extension).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from schemas.errors import Unreadable
from schemas.identity import MAX_NAME_CHARS

AVRO_CONTENT: Final = b"application/avro"
STRUCTURED_CONTENT: Final = "application/cloudevents+json"

MAX_COMMAND_BYTES: Final = 524_288
"""Bound of a command's value: an event that repeats it still fits the 1 MiB event limit."""

MAX_HEADER_BYTES: Final = 1024
"""Bound of one attribute; longer ones are refused, so that events about them stay small."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The attributes of one command or event."""

    id: str
    type: str
    source: str
    subject: str
    time: str
    tenant: str
    actor: str
    correlation: str = ""
    causation: str = ""
    command_id: str = ""
    """On events: the ``ce_id`` of the command that it answers; callers wait for it."""
    command_source: str = ""
    sequence: int | None = None
    expected_version: int | None = None
    mac: str = ""
    traceparent: str = ""
    tracestate: str = ""


def headers_of(envelope: Envelope) -> tuple[tuple[str, bytes], ...]:
    """Binary-mode headers, always in this order; empty extensions are left out."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", envelope.id.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_subject", envelope.subject.encode()),
        ("ce_time", envelope.time.encode()),
        ("ce_tenantid", envelope.tenant.encode()),
        ("ce_actorid", envelope.actor.encode()),
    ]
    if envelope.sequence is not None:
        headers.append(("ce_sequence", b"%d" % envelope.sequence))
    if envelope.correlation:
        headers.append(("ce_correlationid", envelope.correlation.encode()))
    if envelope.causation:
        headers.append(("ce_causationid", envelope.causation.encode()))
    if envelope.command_id:
        headers.append(("ce_commandid", envelope.command_id.encode()))
        headers.append(("ce_commandsource", envelope.command_source.encode()))
    if envelope.expected_version is not None:
        headers.append(("ce_expectedversion", b"%d" % envelope.expected_version))
    if envelope.mac:
        headers.append(("ce_enginemac", envelope.mac.encode()))
    if envelope.traceparent:
        headers.append(("traceparent", envelope.traceparent.encode()))
    if envelope.tracestate:
        headers.append(("tracestate", envelope.tracestate.encode()))
    headers.append(("content-type", AVRO_CONTENT))
    return tuple(headers)


def envelope_of(headers: Iterable[tuple[str, bytes]]) -> Envelope:
    """The envelope of binary-mode headers.

    Raises :class:`Unreadable`: ``bad_headers`` (missing, doubled, not UTF-8, too long, control
    characters) or ``bad_specversion``.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        if name in found:
            raise Unreadable("bad_headers", f"{name[:64]} stands twice")
        if len(value) > MAX_HEADER_BYTES and (name.startswith("ce_") or name in _TRACE):
            raise Unreadable("bad_headers", f"{name[:64]} is longer than {MAX_HEADER_BYTES} bytes")
        try:
            found[name] = value.decode()
        except UnicodeDecodeError:
            if name.startswith("ce_"):
                raise Unreadable("bad_headers", f"{name[:64]} is not UTF-8") from None
    return envelope_from({name[3:]: text for name, text in found.items() if name.startswith("ce_")}, found)


def envelope_from(attributes: dict[str, str], trace: dict[str, str]) -> Envelope:
    """The envelope of CloudEvents attributes by name; ``trace`` holds the W3C headers."""
    if (version := attributes.get("specversion")) != "1.0":
        raise Unreadable("bad_specversion", f"ce_specversion is {(version or 'missing')[:32]!r}, not '1.0'")
    for required in _REQUIRED:
        text = attributes.get(required)
        if not text:
            raise Unreadable("bad_headers", f"ce_{required} is missing")
        if len(text) > MAX_NAME_CHARS or not text.isprintable():
            raise Unreadable("bad_headers", f"ce_{required} is over {MAX_NAME_CHARS} printable characters")
    if "/" in attributes["tenantid"]:
        raise Unreadable("bad_headers", "ce_tenantid contains '/'")
    for optional in _OPTIONAL:
        if not attributes.get(optional, "").isprintable():
            raise Unreadable("bad_headers", f"ce_{optional} contains control characters")
    return Envelope(
        id=attributes["id"],
        type=attributes["type"],
        source=attributes["source"],
        subject=attributes.get("subject", ""),
        time=attributes.get("time", ""),
        tenant=attributes["tenantid"],
        actor=attributes["actorid"],
        correlation=attributes.get("correlationid", ""),
        causation=attributes.get("causationid", ""),
        command_id=attributes.get("commandid", ""),
        command_source=attributes.get("commandsource", ""),
        sequence=_count(attributes, "sequence"),
        expected_version=_count(attributes, "expectedversion"),
        mac=attributes.get("enginemac", ""),
        traceparent=trace.get("traceparent", ""),
        tracestate=trace.get("tracestate", ""),
    )


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment_of(text: str) -> datetime:
    """The aware datetime of an RFC 3339 text; raises :class:`Unreadable` (``bad_time``)."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable("bad_time", f"{text[:64]!r} is no RFC 3339 time") from None
    if moment.tzinfo is None:
        raise Unreadable("bad_time", f"{text[:64]!r} names no UTC offset")
    return moment.astimezone(UTC)


def _count(attributes: dict[str, str], name: str) -> int | None:
    text = attributes.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS:
        raise Unreadable("bad_headers", f"ce_{name} is no whole number")
    return int(text)


_TRACE: Final = frozenset({"traceparent", "tracestate"})
_REQUIRED: Final = ("id", "type", "source", "tenantid", "actorid")
_OPTIONAL: Final = ("subject", "time", "correlationid", "causationid", "commandid", "commandsource")
_MAX_DIGITS: Final = 18
