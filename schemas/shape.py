"""Avro schemas as values: what a comparison of two schemas looks at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastavro.schema import SchemaParseException, UnknownType, parse_schema
from fastavro.types import Schema

PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
BAD_SCHEMA: Final = (
    AttributeError,
    KeyError,
    RecursionError,
    SchemaParseException,
    TypeError,
    UnknownType,
    ValueError,
)
"""What fastavro raises on a schema that is none."""

_MEANING: Final = ("logicalType", "precision", "scale", "contentMediaType")


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive type; ``meaning`` is what else changes how its values are understood."""

    name: str
    meaning: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Array:
    """A sequence."""

    items: "Shape"


@dataclass(frozen=True, slots=True)
class Map:
    """Text to values."""

    values: "Shape"


@dataclass(frozen=True, slots=True)
class Union:
    """One of several."""

    branches: tuple["Shape", ...]


@dataclass(frozen=True, slots=True)
class Enum:
    """One of the symbols; with a default, unknown ones become it."""

    name: str
    symbols: tuple[str, ...]
    has_default: bool


@dataclass(frozen=True, slots=True)
class Fixed:
    """A fixed number of bytes."""

    name: str
    size: int
    meaning: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record."""

    name: str
    type: "Shape"
    has_default: bool


@dataclass(frozen=True, slots=True)
class Record:
    """Named fields in order."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A named type by its full name."""

    name: str


Shape = Primitive | Array | Map | Union | Enum | Fixed | Record | Reference


def shape_of(schema: Schema) -> Shape:
    """The shape of a schema as JSON, with full names; raises ValueError for what is no Avro schema."""
    try:
        return _shape(parse_schema(schema, named_schemas={}, _force=True))
    except BAD_SCHEMA as error:
        raise ValueError(f"no Avro schema: {error}") from error


def named_types(shape: Shape) -> Mapping[str, Shape]:
    """Every record, enum and fixed defined in a shape, by full name."""
    return {inner.name: inner for inner in _walk(shape) if isinstance(inner, Record | Enum | Fixed)}


def _walk(shape: Shape) -> Iterator[Shape]:
    yield shape
    match shape:
        case Array(items=inner) | Map(values=inner):
            yield from _walk(inner)
        case Union(branches):
            for branch in branches:
                yield from _walk(branch)
        case Record(fields=fields):
            for field in fields:
                yield from _walk(field.type)
        case _:
            return


def _shape(node: Any) -> Shape:
    if isinstance(node, list):
        return Union(tuple(_shape(branch) for branch in node))
    if isinstance(node, str):
        return Primitive(node) if node in PRIMITIVES else Reference(node)
    kind = node["type"]
    match kind:
        case "array":
            return Array(_shape(node["items"]))
        case "map":
            return Map(_shape(node["values"]))
        case "enum":
            return Enum(node["name"], tuple(node["symbols"]), "default" in node)
        case "fixed":
            return Fixed(node["name"], node["size"], _meaning(node))
        case "record" | "error":
            return Record(
                node["name"],
                tuple(Field(f["name"], _shape(f["type"]), "default" in f) for f in node["fields"]),
            )
        case str():
            return Primitive(kind, _meaning(node))
        case _:
            return _shape(kind)


def _meaning(node: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple((word, str(node[word])) for word in _MEANING if word in node)
