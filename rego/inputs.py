"""Inputs to try a policy on: from its tests, and made from the paths that it reads. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from rego.syntax import Module, Reference

MOST: Final = 50
"""Inputs that one check evaluates."""

LENGTH: Final = 10
"""Elements of a list that is made up."""

_ANY: Final = "*"
"""Stands for every element, where a policy runs through a list or object."""

_LEAVES: Final[Sequence[object]] = (
    "text",
    1,
    True,
    list(range(LENGTH)),
    [f"text{number}" for number in range(LENGTH)],
    {f"key{number}": number for number in range(LENGTH)},
)

_Paths = dict[str, Any]


def inputs_for(modules: Iterable[Module], tests: Iterable[Module]) -> list[bytes]:
    """JSON documents, each once: the objects that stand in tests, then made-up ones."""
    found = dict.fromkeys(_encoded(each) for test in tests for each in _objects(test.tree))
    paths: _Paths = {}
    for module in modules:
        for reference in module.references:
            if reference.elements[0].name == "input":
                _add(paths, reference)
    made = dict.fromkeys(_encoded(_made(paths, leaf)) for leaf in _LEAVES)
    room = MOST - len(made)
    return [*list(found)[:room], *(each for each in made if each not in found)]


def _objects(tree: object) -> Iterator[object]:
    """The outermost objects without variables in a syntax tree."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            if node.get("type") == "object":
                try:
                    yield _value(node)
                    continue
                except (_NotGround, RecursionError):
                    pass
            stack.extend(node.values())


class _NotGround(Exception):
    """A term holds a variable, reference or call."""


def _value(term: Mapping[str, Any]) -> object:
    kind, value = term.get("type"), term.get("value")
    if kind in ("string", "number", "boolean", "null"):
        return value
    if kind in ("array", "set") and isinstance(value, list):
        return [_value(each) for each in value]
    if kind == "object" and isinstance(value, list):
        members = [(_value(key), _value(member)) for key, member in value]
        if all(isinstance(key, str) for key, _ in members):
            return {str(key): member for key, member in members}
    raise _NotGround


def _add(paths: _Paths, reference: Reference) -> None:
    node = paths
    for element in reference.elements[1:]:
        node = node.setdefault(element.name or _ANY, {})


def _made(paths: _Paths, leaf: object) -> object:
    if not paths:
        return leaf
    if _ANY in paths:
        return [_made(paths[_ANY], leaf)] * LENGTH
    return {name: _made(below, leaf) for name, below in paths.items()}


def _encoded(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
