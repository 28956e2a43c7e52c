"""Hypothesis strategies made from Avro shapes."""

from collections.abc import Mapping
from typing import assert_never

from hypothesis import strategies as st

from schemas.avro import MessageSchema, released
from schemas.shape import Array, Enum, Fixed, Map, Primitive, Record, Reference, Shape, Union, shape_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_PRIMITIVES: Mapping[str, st.SearchStrategy[object]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "bytes": st.binary(max_size=20),
    "string": TEXT,
}

MESSAGE_TYPES = sorted(released().versions)


def values(shape: Shape) -> st.SearchStrategy[object]:
    """Every datum of a shape without references."""
    match shape:
        case Primitive(name=name):
            return _PRIMITIVES[name]
        case Array(items=items):
            return st.lists(values(items), max_size=3)
        case Map(values=inner):
            return st.dictionaries(TEXT, values(inner), max_size=3)
        case Union(branches=branches):
            return st.one_of(*(values(branch) for branch in branches))
        case Enum(symbols=symbols):
            return st.sampled_from(symbols)
        case Fixed(size=size):
            return st.binary(min_size=size, max_size=size)
        case Record(fields=fields):
            return st.fixed_dictionaries({field.name: values(field.type) for field in fields})
        case Reference(name=name):
            raise ValueError(f"{name}: recursive shapes have no strategy")
        case _:
            assert_never(shape)


def bodies(message: MessageSchema) -> st.SearchStrategy[dict[str, object]]:
    """Every body of a message."""
    shape = shape_of(message.schema)
    assert isinstance(shape, Record)
    return st.fixed_dictionaries({field.name: values(field.type) for field in shape.fields})
