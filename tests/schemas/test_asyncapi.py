"""The generated document: up to date, sound, and true."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from schemas import asyncapi
from schemas.avro import released
from schemas.envelope import Envelope, headers_of
from schemas.topics import topics

SPECIFICATION = Path(__file__).parent / "asyncapi-3.0.0.schema.json"
DOCUMENT: dict[str, Any] = yaml.safe_load(asyncapi.FILE.read_text())


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield str(value)
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_the_document_is_what_topics_and_schemas_say() -> None:
    assert asyncapi.FILE.read_text() == asyncapi.render(topics(), released())


def test_the_document_is_asyncapi_3() -> None:
    validator = jsonschema_rs.Draft7Validator(json.loads(SPECIFICATION.read_text()))
    assert [(list(error.instance_path), error.message) for error in validator.iter_errors(DOCUMENT)] == []


def test_the_specification_refuses_what_is_no_asyncapi() -> None:
    validator = jsonschema_rs.Draft7Validator(json.loads(SPECIFICATION.read_text()))
    assert not validator.is_valid({**DOCUMENT, "channels": {"x": {"addres": "typo"}}})


def test_every_reference_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert len(found) > 100
    for reference in found:
        if reference.startswith("./"):
            assert (asyncapi.FILE.parent / reference).is_file(), reference
            continue
        node = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_topic_is_a_channel_with_its_messages() -> None:
    channels = {channel["address"]: channel for channel in DOCUMENT["channels"].values()}
    assert set(channels) == {topic.name for topic in topics().all}
    for topic in topics().all:
        assert tuple(channels[topic.name]["messages"]) == topic.messages
        assert channels[topic.name]["bindings"]["kafka"]["partitions"] == topic.partitions


def test_the_described_headers_are_those_that_are_written() -> None:
    full = Envelope("i", "t", "s", "u", "w", "t", "a", "c", "c", "d", "e", 1, 1, "m", "p", "s")
    described = {
        name for schema in DOCUMENT["components"]["schemas"].values() for name in schema["properties"]
    }
    assert described == {name for name, _ in headers_of(full)}


def test_the_drop_rule_is_described() -> None:
    text = DOCUMENT["info"]["description"]
    assert "drop what is at or below it" in text
    assert "wait for the re-publication" in text


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "asyncapi.yaml"
    assert asyncapi.write(topics(), released(), file)
    assert not asyncapi.write(topics(), released(), file)
