"""What of an input is stored."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decisions.masking import stored_input


@pytest.mark.parametrize(
    ("pointer", "document", "stored"),
    [
        ("/name", b'{"name": "Ann", "id": 1}', b'{"name": "***", "id": 1}'),
        ("/a/b", b'{"a":{"b":{"deep":[1,2]},"c":2}}', b'{"a":{"b":"***","c":2}}'),
        ("/a/0", b'{"a":["x","y"]}', b'{"a":["***","y"]}'),
        ("/a/1/n", b'{"a":[{"n":1},{"n":2}]}', b'{"a":[{"n":1},{"n":"***"}]}'),
        ("/a/*/n", b'{"a":[{"n":1},{"m":0},{"n":null}]}', b'{"a":[{"n":"***"},{"m":0},{"n":"***"}]}'),
        ("/*/n", b'{"x":{"n":1},"y":[3],"z":{"n":[]}}', b'{"x":{"n":"***"},"y":[3],"z":{"n":"***"}}'),
        ("/a/*", b'{"a":[1,[2],{"b":3}]}', b'{"a":["***","***","***"]}'),
        ("/a~1b/c~0d", b'{"a/b":{"c~d":true}}', b'{"a/b":{"c~d":"***"}}'),
        ("/", b'{"":"x","y":1}', b'{"":"***","y":1}'),
        ("/n\u00e4me", b'{"n\\u00e4me":"x"}', b'{"n\\u00e4me":"***"}'),
        ("/q", b'{"q":"a\\"},{b","r":1}', b'{"q":"***","r":1}'),
    ],
)
def test_a_personal_value_is_replaced_and_nothing_else_changes(
    pointer: str, document: bytes, stored: bytes
) -> None:
    found = stored_input(document, [pointer], "full")
    assert (found.document, found.masked) == (stored, [pointer])


@pytest.mark.parametrize(
    "pointer", ["/b", "/a/b", "/a/0/b", "/a/2", "/a/-1", "/a/00", "/a/*/b", "/A", "/*/*/*", "/a/1/b"]
)
def test_a_pointer_without_a_value_masks_nothing(pointer: str) -> None:
    document = b'{"a": ["x", {}], "c": "a"}'
    found = stored_input(document, [pointer], "full")
    assert (found.document, found.masked) == (document, [])


def test_what_is_not_personal_stays_byte_for_byte() -> None:
    document = b' { "n" : 1e400 , "big":123456789012345678901234567890,"p":"x", "f": 1.50 } '
    stored = b' { "n" : 1e400 , "big":123456789012345678901234567890,"p":"***", "f": 1.50 } '
    assert stored_input(document, ["/p"], "full").document == stored
    assert stored_input(document, [], "full").document == document


def test_masked_pointers_are_named_in_their_order_and_those_inside_a_masked_value_are_not() -> None:
    document = b'{"a":{"b":1},"c":2,"d":{"e":3}}'
    found = stored_input(document, ["/d/e", "/x", "/c", "/a/b", "/a"], "full")
    assert found.document == b'{"a":"***","c":"***","d":{"e":"***"}}'
    assert found.masked == ["/d/e", "/c", "/a"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from('ab/~*"'), inner),
    max_leaves=12,
)


def masked(value: object, steps: list[str]) -> object:
    """The value with what ``steps`` point to masked, the slow way."""
    if not steps:
        return "***"
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        return {k: masked(v, rest) if step in (k, "*") else v for k, v in value.items()}
    if isinstance(value, list):
        return [masked(v, rest) if step in (str(n), "*") else v for n, v in enumerate(value)]
    return value


@given(
    st.dictionaries(st.sampled_from("ab/~*"), JSON),
    st.lists(st.sampled_from(["a", "b", "*", "0", "1", "/", "~"]), min_size=1, max_size=3),
    st.booleans(),
)
def test_masking_the_text_is_masking_the_value(
    document: dict[str, object], steps: list[str], indented: bool
) -> None:
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 if indented else 0)
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    assert orjson.loads(stored_input(text, [pointer], "full").document) == masked(document, steps)
