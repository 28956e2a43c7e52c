"""A module's syntax tree (``opa parse --format json --json-include locations``), cut to what rules need."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: row and column (in characters) from 1, and its own text."""

    row: int
    column: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Element:
    """One part of a reference; ``name`` is None unless it is the head or a literal string."""

    name: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class Reference:
    """``head.a["b"][c]``; the head is a variable or root document."""

    elements: tuple[Element, ...]

    @property
    def static(self) -> tuple[str, ...]:
        """Its leading names, up to the first part that is no literal."""
        names: list[str] = []
        for element in self.elements:
            if element.name is None:
                break
            names.append(element.name)
        return tuple(names)


@dataclass(frozen=True, slots=True)
class Import:
    """``import path [as alias]``."""

    path: Reference
    alias: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule's head."""

    reference: Reference
    default: bool
    function: bool
    partial: bool
    """Adds members to a set or object instead of being the value."""
    constant: object
    """Its value where that is a literal whatever the input; else None."""


@dataclass(slots=True)
class Module:
    """What a module says, as far as it matters here."""

    file: str
    package: Reference
    tree: Any
    """The syntax tree itself."""
    imports: list[Import] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    variables: list[Element] = field(default_factory=list)
    """Variables that stand alone, root documents among them."""
    calls: list[Reference] = field(default_factory=list)
    """What is called: functions and builtins."""
    replaced: list[Reference] = field(default_factory=list)
    """Targets of ``with``."""
    substitutes: list[Reference] = field(default_factory=list)
    """Values of ``with`` that are names."""


class TooDeep(Exception):
    """The tree is nested deeper than a JSON reader goes."""


def read_module(tree: bytes, file: str) -> Module:
    """The module of a syntax tree; raises :class:`TooDeep`."""
    return module_of(read_tree(tree), file)


def read_tree(tree: bytes) -> Any:
    """The JSON of syntax trees; raises :class:`TooDeep`."""
    try:
        return orjson.loads(tree)
    except orjson.JSONDecodeError as error:
        raise TooDeep(str(error)) from None


def module_of(root: Any, file: str) -> Module:
    """The module of a syntax tree; places are (0, 0) in one without locations."""
    # The package's path starts with an implied "data" that has no text of its own.
    module = Module(file, _reference(root["package"]["path"][1:], literal_head=True), root)
    for entry in root.get("imports") or []:
        module.imports.append(Import(_reference(entry["path"]["value"]), entry.get("alias", "")))
    for entry in root.get("rules") or []:
        module.rules.append(_rule(entry))
        _walk(entry, module)
    return module


def _rule(entry: dict[str, object]) -> Rule:
    head = entry["head"]
    assert isinstance(head, dict)
    value = head.get("value")
    assert isinstance(value, dict | None)
    body = entry.get("body")
    assert isinstance(body, list | None)
    bare = not entry.get("else") and all(expression.get("generated") for expression in body or ())
    literal = value is not None and value.get("type") in ("boolean", "number", "string")
    return Rule(
        constant=value["value"] if value is not None and literal and bare else None,
        reference=_reference(head["ref"]),
        default=bool(entry.get("default")),
        function=bool(head.get("args")),
        partial=head.get("key") is not None,
    )


def _walk(root: object, module: Module) -> None:
    """Collects from a subtree, without recursion: its depth is the author's."""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            kind = node.get("type")
            if kind == "ref" and isinstance(node.get("value"), list):
                parts = node["value"]
                module.references.append(_reference(parts))
                stack.extend(parts if parts[0].get("type") != "var" else parts[1:])
                continue
            operator = _operator(node)
            if operator is not None:
                module.calls.append(_named(operator))
            if kind == "var":
                module.variables.append(_element(node, head=True))
            if "target" in node:
                module.replaced.append(_named(node["target"]))
                module.substitutes.extend(_names(node.get("value")))
            stack.extend(child for name, child in node.items() if name not in _NO_CHILDREN)


def _operator(node: dict[str, object]) -> dict[str, object] | None:
    """The operator of a call: of a term, or of an expression that is one."""
    parts = node.get("value") if node.get("type") == "call" else node.get("terms")
    return parts[0] if isinstance(parts, list) and parts else None


def _names(node: object) -> Iterator[Reference]:
    if isinstance(node, dict) and node.get("type") in ("ref", "var"):
        yield _named(node)


def _named(node: dict[str, object]) -> Reference:
    value = node["value"]
    return _reference(value) if isinstance(value, list) else Reference((_element(node, head=True),))


def _reference(parts: list[dict[str, object]], literal_head: bool = False) -> Reference:
    return Reference(
        tuple(_element(part, head=index == 0 and not literal_head) for index, part in enumerate(parts))
    )


def _element(node: dict[str, object], head: bool) -> Element:
    value = node.get("value")
    literal = isinstance(value, str) and node.get("type") == ("var" if head else "string")
    return Element(value if literal and isinstance(value, str) else None, _place(node.get("location")))


def _place(location: object) -> Place:
    if not isinstance(location, dict):
        return Place(0, 0, b"")
    return Place(location["row"], location["col"], base64.b64decode(location.get("text", "")))


_NO_CHILDREN = frozenset({"location", "alias_location", "annotations"})
