"""Whether data written with one Avro schema can be read with another, and the promises that rest on it.

Schema resolution of the Avro specification 1.12.0, stricter in three points: full names must be equal
and aliases are not followed (readers in other languages differ there), and a type keeps its logical
type and its ``contentMediaType`` (they say what its values mean).

Commands are BACKWARD_TRANSITIVE: the newest schema reads what every older one wrote. Events are
FULL_TRANSITIVE: every version reads every other.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, assert_never

from fastavro.types import Schema

from schemas.errors import Incompatible
from schemas.shape import (
    Array,
    Enum,
    Field,
    Fixed,
    Map,
    Primitive,
    Record,
    Reference,
    Shape,
    Union,
    named_types,
    shape_of,
)

Rule = Literal["BACKWARD_TRANSITIVE", "FORWARD_TRANSITIVE", "FULL_TRANSITIVE"]

_PROMOTIONS: Final[Mapping[str, frozenset[str]]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}


def check(new: Schema, older: Sequence[Schema], rule: Rule) -> None:
    """Raises :class:`Incompatible` unless ``new`` keeps the rule towards every older version.

    Schemas are JSON as of an ``.avsc`` file; ``older`` starts with version 1.
    """
    for number, old in enumerate(older, 1):
        if rule != "FORWARD_TRANSITIVE" and (reasons := unreadable(reader=new, writer=old)):
            raise Incompatible(f"cannot read what version {number} wrote: {'; '.join(reasons)}")
        if rule != "BACKWARD_TRANSITIVE" and (reasons := unreadable(reader=old, writer=new)):
            raise Incompatible(f"version {number} cannot read what it writes: {'; '.join(reasons)}")


def unreadable(reader: Schema, writer: Schema) -> list[str]:
    """Why some datum of the writer cannot be read, each reason with its place; empty: all can be."""
    left, right = shape_of(reader), shape_of(writer)
    return list(_Comparison(named_types(left), named_types(right)).reasons(left, right, ""))


class _Comparison:
    """One comparison; remembers the records it is inside of, since schemas may be recursive."""

    def __init__(self, reader_types: Mapping[str, Shape], writer_types: Mapping[str, Shape]) -> None:
        self._reader_types = reader_types
        self._writer_types = writer_types
        self._inside: set[str] = set()

    def reasons(self, reader: Shape, writer: Shape, place: str) -> Iterator[str]:
        if isinstance(reader, Reference):
            reader = self._reader_types[reader.name]
        if isinstance(writer, Reference):
            writer = self._writer_types[writer.name]
        if isinstance(writer, Union):
            for branch in writer.branches:
                yield from self.reasons(reader, branch, place)
        elif isinstance(reader, Union):
            yield from self._one_of(reader, writer, place)
        else:
            yield from self._plain(reader, writer, place)

    def _one_of(self, reader: Union, writer: Shape, place: str) -> Iterator[str]:
        tried = [list(self.reasons(branch, writer, place)) for branch in reader.branches]
        if all(tried):
            wanted = " | ".join(_name(branch) for branch in reader.branches)
            yield f"{place or '/'}: {_name(writer)} fits no branch of {wanted} ({min(tried, key=len)[0]})"

    def _plain(self, reader: Shape, writer: Shape, place: str) -> Iterator[str]:
        match reader, writer:
            case Primitive(), Primitive():
                yield from _primitive(reader, writer, place)
            case Array(), Array():
                yield from self.reasons(reader.items, writer.items, f"{place}/items")
            case Map(), Map():
                yield from self.reasons(reader.values, writer.values, f"{place}/values")
            case Record(), Record():
                yield from _names(reader, writer, place) or self._record(reader, writer, place)
            case Enum(), Enum():
                yield from _names(reader, writer, place) or _symbols(reader, writer, place)
            case Fixed(), Fixed():
                yield from _names(reader, writer, place) or _sizes(reader, writer, place)
            case _:
                yield f"{place or '/'}: {_name(writer)} cannot be read as {_name(reader)}"

    def _record(self, reader: Record, writer: Record, place: str) -> Iterator[str]:
        if reader.name in self._inside:
            return
        self._inside.add(reader.name)
        written: Mapping[str, Field] = {field.name: field for field in writer.fields}
        for field in reader.fields:
            there = written.get(field.name)
            if there is not None:
                yield from self.reasons(field.type, there.type, f"{place}/{field.name}")
            elif not field.has_default:
                yield f"{place}/{field.name}: not written, and the reader has no default"
        self._inside.discard(reader.name)


def _primitive(reader: Primitive, writer: Primitive, place: str) -> Iterator[str]:
    if reader.meaning != writer.meaning:
        yield f"{place or '/'}: means {dict(reader.meaning)}, meant {dict(writer.meaning)}"
    if reader.name != writer.name and reader.name not in _PROMOTIONS.get(writer.name, ()):
        yield f"{place or '/'}: {writer.name} cannot be read as {reader.name}"


def _names(reader: Record | Enum | Fixed, writer: Record | Enum | Fixed, place: str) -> list[str]:
    if reader.name == writer.name:
        return []
    return [f"{place or '/'}: named {reader.name}, was {writer.name}"]


def _symbols(reader: Enum, writer: Enum, place: str) -> Iterator[str]:
    missing = sorted(set(writer.symbols) - set(reader.symbols))
    if missing and not reader.has_default:
        yield f"{place or '/'}: the reader lacks {', '.join(missing)} and has no default"


def _sizes(reader: Fixed, writer: Fixed, place: str) -> Iterator[str]:
    if (reader.size, reader.meaning) != (writer.size, writer.meaning):
        yield f"{place or '/'}: {writer.size} bytes cannot be read as {reader.size}"


def _name(shape: Shape) -> str:
    match shape:
        case Primitive(name=name) | Record(name=name) | Enum(name=name) | Fixed(name=name):
            return name
        case Reference(name=name):
            return name
        case Array():
            return "array"
        case Map():
            return "map"
        case Union():
            return "union"
        case _:
            assert_never(shape)
