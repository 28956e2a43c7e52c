"""Schema resolution: our verdict against a table of changes, and against what fastavro really reads."""

import io
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError

from schemas.compatibility import check, unreadable
from schemas.errors import Incompatible

Json = dict[str, Any]


def record(*fields: Json, name: str = "a.R") -> Json:
    return {"type": "record", "name": name, "fields": list(fields)}


def field(name: str, kind: object, **more: object) -> Json:
    return {"name": name, "type": kind, **more}


def one(kind: object) -> Json:
    return record(field("x", kind))


def enum(*symbols: str, **more: object) -> Json:
    return {"type": "enum", "name": "a.E", "symbols": list(symbols), **more}


def array(items: object) -> Json:
    return {"type": "array", "items": items}


def inner(*fields: Json) -> Json:
    return record(*fields, name="a.Inner")


JSON_BYTES = {"type": "bytes", "contentMediaType": "application/json"}

READABLE = {
    "nothing changed": (one("int"), one("int")),
    "an optional field more": (record(field("x", "int"), field("y", "int", default=1)), one("int")),
    "a field less": (one("int"), record(field("x", "int"), field("y", "string"))),
    "int to long": (one("long"), one("int")),
    "int to float": (one("float"), one("int")),
    "long to double": (one("double"), one("long")),
    "float to double": (one("double"), one("float")),
    "string to bytes": (one("bytes"), one("string")),
    "bytes to string": (one("string"), one("bytes")),
    "into a union": (one(["null", "int"]), one("int")),
    "union wider": (one(["null", "int", "string"]), one(["null", "int"])),
    "union in another order": (one(["int", "null"]), one(["null", "int"])),
    "union branch promoted": (one(["null", "long"]), one(["null", "int"])),
    "a symbol more": (one(enum("A", "B")), one(enum("A"))),
    "a symbol less, with a default": (one(enum("A", default="A")), one(enum("A", "B"))),
    "items promoted": (one(array("long")), one(array("int"))),
    "map values promoted": (one({"type": "map", "values": "long"}), one({"type": "map", "values": "int"})),
    "inner record with a default more": (
        one(inner(field("a", "int"), field("b", "int", default=0))),
        one(inner(field("a", "int"))),
    ),
    "recursive": (record(field("next", ["null", "a.R"])), record(field("next", ["null", "a.R"]))),
    "the same inner record twice": (
        record(field("x", inner(field("a", "long"))), field("y", "a.Inner")),
        record(field("x", inner(field("a", "int"))), field("y", "a.Inner")),
    ),
    "another doc": (record(field("x", "int", doc="new")), record(field("x", "int", doc="old"))),
    "union down to the branch that stays": (one(["null", "int"]), one(["null"])),
}

UNREADABLE = {
    "a required field more": (record(field("x", "int"), field("y", "int")), one("int"), "/y"),
    "a field renamed": (record(field("y", "int")), one("int"), "/y"),
    "a field renamed with an alias": (record(field("y", "int", aliases=["x"])), one("int"), "/y"),
    "long to int": (one("int"), one("long"), "long cannot be read as int"),
    "double to float": (one("float"), one("double"), "double cannot be read as float"),
    "int to string": (one("string"), one("int"), "int cannot be read as string"),
    "boolean to int": (one("int"), one("boolean"), "boolean cannot be read as int"),
    "out of a union": (one("int"), one(["null", "int"]), "null cannot be read as int"),
    "union narrower": (one(["null", "int"]), one(["null", "int", "string"]), "string fits no branch"),
    "union of others": (one(["null", "string"]), one("int"), "int fits no branch"),
    "a symbol less": (one(enum("A")), one(enum("A", "B")), "lacks B"),
    "items narrowed": (one(array("int")), one(array("long")), "/x/items"),
    "items of another kind": (one(array("int")), one("int"), "int cannot be read as array"),
    "map values changed": (
        one({"type": "map", "values": "int"}),
        one({"type": "map", "values": "string"}),
        "/x/values",
    ),
    "fixed of another size": (
        one({"type": "fixed", "name": "a.F", "size": 4}),
        one({"type": "fixed", "name": "a.F", "size": 5}),
        "5 bytes",
    ),
    "the record renamed": (record(field("x", "int"), name="a.Q"), one("int"), "named a.Q"),
    "the record in another namespace": (record(field("x", "int"), name="b.R"), one("int"), "named b.R"),
    "the enum renamed": (one({**enum("A"), "name": "a.F"}), one(enum("A")), "named a.F"),
    "inner record with a required field more": (
        one(inner(field("a", "int"), field("b", "int"))),
        one(inner(field("a", "int"))),
        "/x/b",
    ),
    "inner record in an optional array changed": (
        one(["null", array(inner(field("a", "int")))]),
        one(["null", array(inner(field("a", "long")))]),
        "fits no branch",
    ),
    "JSON no more": (one("bytes"), one(JSON_BYTES), "means"),
    "a logical type more": (one({"type": "long", "logicalType": "timestamp-millis"}), one("long"), "means"),
    "recursive, changed inside": (
        record(field("next", ["null", "a.R"]), field("x", "int")),
        record(field("next", ["null", "a.R"]), field("x", "long")),
        "/x",
    ),
}


@pytest.mark.parametrize("change", READABLE)
def test_a_harmless_change_is_readable(change: str) -> None:
    reader, writer = READABLE[change]
    assert unreadable(reader, writer) == []


@pytest.mark.parametrize("change", UNREADABLE)
def test_a_breaking_change_is_named_with_its_place(change: str) -> None:
    reader, writer, reason = UNREADABLE[change]
    assert any(reason in each for each in unreadable(reader, writer)), unreadable(reader, writer)


def test_backward_asks_whether_the_new_schema_reads_the_old_data() -> None:
    more, less = record(field("x", "int"), field("y", "int")), one("int")
    check(less, [more], "BACKWARD_TRANSITIVE")
    with pytest.raises(Incompatible, match="cannot read what version 1 wrote"):
        check(more, [less], "BACKWARD_TRANSITIVE")


def test_forward_asks_whether_the_old_schema_reads_the_new_data() -> None:
    more, less = record(field("x", "int"), field("y", "int")), one("int")
    check(more, [less], "FORWARD_TRANSITIVE")
    with pytest.raises(Incompatible, match="version 1 cannot read"):
        check(less, [more], "FORWARD_TRANSITIVE")


def test_full_asks_both() -> None:
    more, less = record(field("x", "int"), field("y", "int", default=0)), one("int")
    check(more, [less], "FULL_TRANSITIVE")
    check(less, [more], "FULL_TRANSITIVE")
    for new, old in ((one("long"), one("int")), (one("int"), one("long"))):
        with pytest.raises(Incompatible):
            check(new, [old], "FULL_TRANSITIVE")


def test_transitive_asks_every_older_version() -> None:
    first, second = one("int"), record(field("x", "int"), field("y", "int", default=0))
    third = record(field("x", "int"), field("y", "int"))
    check(third, [second], "BACKWARD_TRANSITIVE")
    with pytest.raises(Incompatible, match="version 1"):
        check(third, [first, second], "BACKWARD_TRANSITIVE")


SAMPLES: list[tuple[object, list[object]]] = [
    ("null", [None]),
    ("boolean", [True]),
    ("int", [2**31 - 1, 0]),
    ("long", [2**62, 0]),
    ("float", [1.5]),
    ("double", [1e300]),
    ("bytes", [b"ab", b""]),
    ("string", ["a\u00e4", ""]),
    (array("int"), [[1, 2], []]),
    (array("long"), [[2**40]]),
    (array(["null", "string"]), [[None], ["x"]]),
    ({"type": "map", "values": "long"}, [{"k": 2**40}]),
    ({"type": "map", "values": "string"}, [{"k": "v"}]),
    (enum("A"), ["A"]),
    (enum("A", "B"), ["A", "B"]),
    (enum("A", default="A"), ["A"]),
    ({"type": "fixed", "name": "a.F", "size": 2}, [b"ab"]),
    ({"type": "fixed", "name": "a.F", "size": 3}, [b"abc"]),
    (inner(field("a", "int")), [{"a": 2**20}]),
    (inner(field("a", "string")), [{"a": "x"}]),
    (inner(field("a", "int"), field("b", "int", default=7)), [{"a": 1, "b": 2}]),
    (inner(field("a", "int"), field("b", "int")), [{"a": 1, "b": 2}]),
    (["null", "int"], [None, 1]),
    (["null", "long"], [None, 2**40]),
    (["int", "null"], [None, 1]),
    (["null", "string"], [None, "x"]),
    (["null", array("int")], [None, [1]]),
    (["null", inner(field("a", "int"))], [None, {"a": 1}]),
]


def is_read_by_fastavro(reader: Json, writer: Json, datum: object) -> bool:
    written, out = parse_schema(writer, named_schemas={}), io.BytesIO()
    schemaless_writer(out, written, {"x": datum})
    try:
        schemaless_reader(io.BytesIO(out.getvalue()), written, parse_schema(reader, named_schemas={}))
    except (SchemaResolutionError, ValueError, TypeError, EOFError, IndexError):
        return False
    return True


@pytest.mark.parametrize("reader", [kind for kind, _ in SAMPLES], ids=str)
def test_the_verdict_is_what_fastavro_does(reader: object) -> None:
    for writer, data in SAMPLES:
        read = [is_read_by_fastavro(one(reader), one(writer), datum) for datum in data]
        assert all(read) == (unreadable(one(reader), one(writer)) == []), (reader, writer, read)
