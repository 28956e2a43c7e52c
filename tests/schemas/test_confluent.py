"""Confluent framing with a schema registry; refused without.

The registry is a loopback server; with ``AUMOS_TEST_SCHEMA_REGISTRY_URL`` a real one takes its place in
the tests that only read and write.
"""

import json
import os
from collections.abc import Iterator

import httpx
import pytest

from schemas.avro import FOLDER, released
from schemas.codec import decode, encode
from schemas.confluent import FORGET_UNKNOWN_S, MAX_UNKNOWN, ConfluentRegistry, encode_confluent
from schemas.errors import RegistryUnavailable, Unreadable
from tests.schemas.bodies import MESSAGE_TYPES
from tests.schemas.registry import Registry, serving

RETIRE = "governance.policy.retire"
OTHER_RETIRE = {
    "type": "record",
    "name": "aumos.governance.commands.PolicyRetire",
    "fields": [{"name": "policy", "type": "int"}],
}
BODY = {"policy": "p", "reason": "r"}


@pytest.fixture
def server() -> Iterator[Registry]:
    registry = Registry()
    with serving(registry) as url:
        registry.url = url
        yield registry


@pytest.fixture
def client(server: Registry) -> Iterator[ConfluentRegistry]:
    client = ConfluentRegistry(server.url)
    yield client
    client.close()


@pytest.fixture(params=["loopback", *filter(None, [os.environ.get("AUMOS_TEST_SCHEMA_REGISTRY_URL")])])
def any_url(request: pytest.FixtureRequest, server: Registry) -> str:
    return server.url if request.param == "loopback" else str(request.param)


def test_what_one_client_writes_another_reads(any_url: str) -> None:
    writer, reader = ConfluentRegistry(any_url), ConfluentRegistry(any_url)
    try:
        data = encode_confluent(RETIRE, BODY, writer)
        assert data[0] == 0
        assert data[5:] == encode(RETIRE, BODY)[10:]
        assert decode(RETIRE, data, reader) == BODY
    finally:
        writer.close()
        reader.close()


def test_every_schema_is_taken_by_the_registry_under_its_record_name(any_url: str) -> None:
    client = ConfluentRegistry(any_url)
    try:
        ids = [client._register(message_type) for message_type in MESSAGE_TYPES]
        assert ids == [client._register(message_type) for message_type in MESSAGE_TYPES]
        names = [client.writer(each)["name"] for each in ids]  # type: ignore[call-overload,index]
    finally:
        client.close()
    assert names == [released().newest(name).schema["name"] for name in MESSAGE_TYPES]  # type: ignore[call-overload,index]


def test_an_id_that_the_registry_does_not_know_is_unreadable(any_url: str) -> None:
    client = ConfluentRegistry(any_url)
    try:
        with pytest.raises(Unreadable, match="unknown_schema"):
            decode(RETIRE, b"\x00\x7f\xff\xff\xff\x02p\x02r", client)
    finally:
        client.close()


def test_without_a_registry_confluent_framing_is_refused() -> None:
    with pytest.raises(Unreadable, match="no schema registry is configured"):
        decode(RETIRE, b"\x00\x00\x00\x00\x01\x02p\x02r")


def test_a_schema_is_asked_for_once(server: Registry, client: ConfluentRegistry) -> None:
    data = encode_confluent(RETIRE, BODY, client)
    for _ in range(3):
        decode(RETIRE, data, client)
        encode_confluent(RETIRE, BODY, client)
    assert server.requests == [
        "POST /subjects/aumos.governance.commands.PolicyRetire/versions",
        "GET /schemas/ids/1",
    ]


def test_an_older_writers_schema_is_read_into_ours(server: Registry, client: ConfluentRegistry) -> None:
    schema = json.loads((FOLDER / "commands" / f"{RETIRE}.v1.avsc").read_text())
    schema["fields"] = schema["fields"][:1]
    number = server.register(json.dumps(schema))
    assert decode(RETIRE, b"\x00" + number.to_bytes(4, "big") + b"\x02p", client) == {
        "policy": "p",
        "reason": "",
    }


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ('{"type": "record", "name": "other.Thing", "fields": []}', "AVRO"),
        ('"string"', "AVRO"),
        ('["null", "string"]', "AVRO"),
        ('{"type": "nonsense"}', "AVRO"),
        ("not json", "AVRO"),
        ('{"type": "object"}', "JSON"),
        (json.dumps(OTHER_RETIRE), "AVRO"),
    ],
    ids=["not ours", "no record", "a union", "no Avro", "no JSON", "JSON Schema", "ours, but another type"],
)
def test_a_schema_that_is_not_ours_is_unreadable(
    server: Registry, client: ConfluentRegistry, schema: str, kind: str
) -> None:
    number = server.register(schema, kind)
    with pytest.raises(Unreadable, match="unknown_schema"):
        decode(RETIRE, b"\x00" + number.to_bytes(4, "big") + b"\x02p\x02r", client)


def test_the_schema_of_another_type_of_ours_is_a_mismatch(client: ConfluentRegistry) -> None:
    data = encode_confluent("governance.policy.activate", {"policy": "p", "version": 1}, client)
    with pytest.raises(Unreadable) as caught:
        decode(RETIRE, data, client)
    assert caught.value.reason == "type_mismatch"


def test_an_unknown_id_costs_one_request_and_is_found_later(server: Registry) -> None:
    now = [0.0]
    client = ConfluentRegistry(server.url, clock=lambda: now[0])
    try:
        for _ in range(3):
            with pytest.raises(Unreadable):
                client.writer(1)
        assert len(server.requests) == 1
        server.register((FOLDER / "commands" / f"{RETIRE}.v1.avsc").read_text())
        now[0] += FORGET_UNKNOWN_S
        assert client.writer(1)
    finally:
        client.close()


def test_unknown_ids_take_bounded_memory() -> None:
    client = ConfluentRegistry("http://registry", httpx.MockTransport(lambda _: httpx.Response(404)))
    for number in range(MAX_UNKNOWN + 10):
        with pytest.raises(Unreadable):
            client.writer(number)
    assert len(client._unknown) == MAX_UNKNOWN


def test_an_outage_is_no_fault_of_the_record(server: Registry, client: ConfluentRegistry) -> None:
    server.broken = b"{}"
    with pytest.raises(RegistryUnavailable):
        client.writer(1)
    with pytest.raises(RegistryUnavailable):
        client.encode(RETIRE, BODY)
    server.broken = None
    assert decode(RETIRE, client.encode(RETIRE, BODY), client) == BODY


def test_a_registry_that_does_not_listen_is_an_outage() -> None:
    client = ConfluentRegistry("http://127.0.0.1:1")
    with pytest.raises(RegistryUnavailable):
        client.writer(1)
    client.close()


def test_an_answer_that_is_no_json_object_is_an_outage() -> None:
    for content in (b"[]", b"<html>"):
        transport = httpx.MockTransport(lambda _, content=content: httpx.Response(200, content=content))
        with pytest.raises(RegistryUnavailable):
            ConfluentRegistry("http://registry", transport).writer(1)
