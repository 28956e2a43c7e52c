"""``asyncapi.yaml`` (AsyncAPI 3.0.0), made from ``topics.yaml`` and the released schemas.

It describes the engine: it receives commands, sends events and receipts. Avro payloads are references
to the ``.avsc`` files, so that the document never says something else than they do.
"""

from pathlib import Path
from typing import Final

import yaml

from schemas.avro import MessageSchema, SchemaSet
from schemas.topics import FILE as TOPICS_FILE
from schemas.topics import Defaults, Topic, Topics

FILE: Final = TOPICS_FILE.with_name("asyncapi.yaml")
_AVRO: Final = "application/vnd.apache.avro+json;version=1.9.0"
_KAFKA_BINDING: Final = "0.5.0"
_NOTICE: Final = "# Generated from topics.yaml and schemas/ by: governance schemas asyncapi. Do not edit.\n"
_DAY_MS: Final = 86_400_000

_DELIVERY: Final = """\
Gates model promotions, data-pipeline operations and agent actions, and proves every decision.

**Messages** are CloudEvents 1.0 in Kafka's binary mode: attributes and extensions are `ce_` headers, the
body is Avro in single-object encoding (`C3 01`, CRC-64-AVRO fingerprint, datum). Confluent framing (`00`,
4-byte schema id) is read too, and written where a schema registry is configured. Commands may also be
JSON CloudEvents (`application/cloudevents+json`).

**Commands** go to partition `murmur2(key) mod partitions` of their topic, as Kafka's Java client chooses
it; librdkafka needs `partitioner=murmur2_random`. A command is identified by (`tenantid`, `source`, `id`):
sent again under the same identity it is decided once.

**Events** are delivered at least once, in order per partition, and `ce_sequence` numbers them without gap
from 1 in each partition. Every consumer keeps one rule: remember the last sequence of each partition
(start with the first one seen, or from a stored position); drop what is at or below it; at more than one
above, alarm, discard, keep the last and wait for the re-publication. After this rule sequences increase by
one. A re-publication has the same bytes. The Python client ships the rule (`client.consumer`).
"""

Json = dict[str, object]


def document(topics: Topics, schemas: SchemaSet) -> Json:
    """The whole document as JSON values."""
    names = sorted({message for topic in topics.all for message in topic.messages})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "AumOS governance engine",
            "version": "1.0.0",
            "description": _DELIVERY,
        },
        "defaultContentType": "application/avro",
        "servers": {
            "local": {
                "host": "localhost:9092",
                "protocol": "kafka",
                "description": "The embedded broker; elsewhere AUMOS_KAFKA_BOOTSTRAP_SERVERS.",
            }
        },
        "channels": {_channel_id(topic): _channel(topic, topics.defaults) for topic in topics.all},
        "operations": dict(_operation(topic) for topic in topics.all),
        "components": {
            "messages": {name: _message(schemas.newest(name), topics) for name in names},
            "schemas": {"commandHeaders": _headers(_COMMAND), "eventHeaders": _headers(_EVENT)},
            "correlationIds": {
                "causing": {
                    "description": "The command's correlation id, or without one its id.",
                    "location": "$message.header#/ce_correlationid",
                }
            },
        },
    }


def render(topics: Topics, schemas: SchemaSet) -> str:
    """The text of ``asyncapi.yaml``."""
    text: str = yaml.dump(
        document(topics, schemas), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110
    )
    return _NOTICE + text


def write(topics: Topics, schemas: SchemaSet, file: Path = FILE) -> bool:
    """Writes the file where it differs; whether it did."""
    text = render(topics, schemas)
    if file.exists() and file.read_text() == text:
        return False
    file.write_text(text)
    return True


def _is_commands(topic: Topic) -> bool:
    return topic.name.endswith(".commands.v1")


def _channel_id(topic: Topic) -> str:
    return topic.name.removeprefix("governance.").removesuffix(".v1")


def _channel(topic: Topic, defaults: Defaults) -> Json:
    days = topic.retention_ms // _DAY_MS
    what = "Commands" if _is_commands(topic) else "Events"
    return {
        "address": topic.name,
        "summary": f"{what}, kept {days} days, {topic.compatibility}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in topic.messages},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "replicas": defaults.replication_factor,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": topic.retention_ms,
                    "max.message.bytes": defaults.max_message_bytes,
                },
                "bindingVersion": _KAFKA_BINDING,
            }
        },
        "x-key": topic.key,
        "x-producers": list(topic.producers),
        "x-consumers": list(topic.consumers),
    }


def _operation(topic: Topic) -> tuple[str, Json]:
    channel = _channel_id(topic)
    receives = _is_commands(topic)
    said = {name: f"#/channels/{channel}/messages/{name}" for name in topic.messages}
    return f"{'receive' if receives else 'send'}.{channel}", {
        "action": "receive" if receives else "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": (
            "Each command is decided once, or kept whole in quarantine."
            if receives
            else "At least once, in order; apply the drop rule on ce_sequence."
        ),
        "messages": [{"$ref": reference} for reference in said.values()],
    }


def _message(message: MessageSchema, topics: Topics) -> Json:
    schema = message.schema
    assert isinstance(schema, dict)
    commands = message.kind == "commands"
    keys = sorted({topic.key for topic in topics.all if message.type in topic.messages})
    key = "tenant/topic/partition" if message.type in topics.lane_commands else " or ".join(keys)
    content: Json = {
        "name": message.type,
        "title": schema["name"].rpartition(".")[2],
        "summary": schema["doc"],
        "contentType": "application/avro",
        "headers": {"$ref": f"#/components/schemas/{'commandHeaders' if commands else 'eventHeaders'}"},
        "correlationId": {"$ref": "#/components/correlationIds/causing"},
        "payload": {
            "schemaFormat": _AVRO,
            "schema": {"$ref": f"./schemas/{message.kind}/{message.type}.v{message.version}.avsc"},
        },
        "bindings": {
            "kafka": {"key": {"type": "string", "description": key}, "bindingVersion": _KAFKA_BINDING}
        },
    }
    if message.type in topics.engine_made:
        content["description"] = "Made by the engine or an operator: needs ce_enginemac."
    return content


def _headers(own: Json) -> Json:
    properties: Json = {**_CLOUDEVENT, **own}
    required = [name for name in properties if name in _REQUIRED or (own is _EVENT and name == "ce_sequence")]
    return {"type": "object", "required": required, "properties": properties}


def _text(description: str, **more: object) -> Json:
    return {"type": "string", "description": description, **more}


_REQUIRED: Final = frozenset(
    {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_tenantid", "ce_actorid", "content-type"}
)
_CLOUDEVENT: Final[Json] = {
    "ce_specversion": _text("CloudEvents version.", const="1.0"),
    "ce_id": _text("Unique per tenant and source: a command's UUID, an event's uuid5 of its cause."),
    "ce_type": _text("Message type."),
    "ce_source": _text("Who made the message."),
    "ce_subject": _text("What it is about, type/id."),
    "ce_time": _text("When it was made, RFC 3339 in UTC.", format="date-time"),
    "ce_tenantid": _text("Tenant; without '/'.", maxLength=200),
    "ce_actorid": _text("Who wants it.", maxLength=200),
    "ce_correlationid": _text("Carried from a command into every event."),
    "ce_causationid": _text("Id of the message that caused this one."),
    "traceparent": _text("W3C trace context."),
    "tracestate": _text("W3C trace context."),
    "content-type": _text("Encoding of the body.", examples=["application/avro"]),
}
_COMMAND: Final[Json] = {
    "ce_expectedversion": _text(
        "Refuses the command unless its aggregate is at this version.", pattern="^[0-9]+$"
    ),
    "ce_enginemac": _text("HMAC-SHA-256 of engine-made commands, hex.", pattern="^[0-9a-f]{64}$"),
}
_EVENT: Final[Json] = {
    "ce_sequence": _text("Number in the partition, from 1, without gap: the drop rule.", pattern="^[0-9]+$"),
    "ce_commandid": _text("ce_id of the command that the event answers."),
    "ce_commandsource": _text("ce_source of that command."),
}


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, and no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _block_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _block_text)
