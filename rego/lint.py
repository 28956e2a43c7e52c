"""What is allowed in a policy and probably not meant: warnings. Pure.

``no_default``         ``allow`` has no default, so an input can leave the policy undecided
``always_allows``      nothing that the policy looks at can make ``allow`` false
``constant_condition`` a condition that is the same for every input
``self_comparison``    both sides of a comparison are the same
``any_not_equal``      ``xs[_] != y`` holds as soon as one element differs
``shadowed_builtin``   a rule has the name of a builtin, which its package can then no longer call
``redundant_import``   an import that the language does not need any more
``unused_rule``        a rule that nobody asks for
``unused_module``      a module that no other one names
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rego.findings import Finding
from rego.layout import Layout
from rego.rules import DECISION_RULES, named
from rego.source import Language
from rego.syntax import Module, Reference

MOST: Final = 50
"""Warnings that a version keeps."""

_HINTS: Final = {
    "no_default": 'Add "default allow := false".',
    "always_allows": "Name the conditions: allow if …, or allow if count(violations) == 0.",
    "constant_condition": "Compare with something of the input, or take the condition out.",
    "self_comparison": "Compare with the value that was meant.",
    "any_not_equal": "For none: not y in xs. For all: every x in xs { x != y }.",
    "shadowed_builtin": "Choose another name.",
    "redundant_import": "Take the import out; its words are part of the language.",
    "unused_rule": "Use it, or take it out.",
    "unused_module": "Name its package in another module, or leave the file out.",
}

_FOREIGN_NAMES: Final = frozenset({"deny", "violation", "warn", "main", "authz", "result"})
"""What other engines of the Rego family ask for."""

_COMPARISONS: Final = frozenset({"equal", "neq", "lt", "lte", "gt", "gte"})

_CONSTANTS: Final = frozenset({"string", "number", "boolean", "null"})


def warnings_of(
    modules: Sequence[Module], layout: Layout, builtins: frozenset[str], language: Language
) -> list[Finding]:
    """The warnings about a policy's modules, the entry module first, in source order, file by file."""
    names = _names(modules)
    found = list(_decision([each for each in modules if each.package.static == layout.entry]))
    for module in modules:
        found += _conditions(module)
        found += _shadowing(module, builtins)
        found += _unused(module, layout, names)
        if language == "v1":
            found += _imports(module)
    order = {module.file: number for number, module in enumerate(modules)}
    return sorted(found, key=lambda each: (order[each.file], each.row, each.column))[:MOST]


def _decision(entry: Sequence[Module]) -> Iterator[Finding]:
    heads = named(entry, "allow")
    if named(entry, "decision") or not heads:
        return
    module, first = heads[0]
    if not any(rule.default for _, rule in heads):
        message = "allow has no default: on an input that no rule matches, the fail mode answers"
        yield _finding("no_default", module, first.reference, message)
    if all(rule.constant is True for _, rule in heads):
        yield _finding("always_allows", module, first.reference, "allow is true for every input")


def _conditions(module: Module) -> Iterator[Finding]:
    """Over every expression of every rule, nested ones too."""
    stack: list[Any] = [rule for rule in module.tree.get("rules") or [] if not rule.get("default")]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            if "terms" in node and not node.get("with"):
                yield from _condition(module, node)
            stack.extend(child for name, child in node.items() if name != "location")


def _condition(module: Module, expression: Mapping[str, Any]) -> Iterator[Finding]:
    terms = expression["terms"]
    if isinstance(terms, dict):
        if terms.get("type") == "boolean" and terms["value"] is False:
            yield _at("constant_condition", module, expression, "the condition is false for every input")
        return
    if not isinstance(terms, list) or len(terms) != 3:
        return
    operator, left, right = terms
    parts = operator.get("value")
    name = parts[0].get("value") if isinstance(parts, list) and len(parts) == 1 else None
    if name not in _COMPARISONS:
        return
    if left.get("type") in _CONSTANTS and right.get("type") in _CONSTANTS:
        yield _at("constant_condition", module, expression, "both sides are constants")
    elif left.get("type") in ("ref", "var") and _bare(left) == _bare(right):
        yield _at("self_comparison", module, expression, "both sides are the same")
    elif name == "neq" and (_runs_through(left) or _runs_through(right)):
        message = "this holds as soon as one element differs, not when all or none do"
        yield _at("any_not_equal", module, expression, message)


def _runs_through(term: Mapping[str, Any]) -> bool:
    """Whether a term is a reference with ``[_]``."""
    parts = term.get("value")
    return term.get("type") == "ref" and any(
        part.get("type") == "var" and str(part.get("value")).startswith("$") for part in parts or ()
    )


def _bare(node: Any) -> Any:
    """A syntax tree without places."""
    if isinstance(node, dict):
        return {name: _bare(child) for name, child in node.items() if name != "location"}
    return [_bare(child) for child in node] if isinstance(node, list) else node


def _shadowing(module: Module, builtins: frozenset[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for rule in module.rules:
        name = rule.reference.elements[0].name or ""
        if name in builtins and name not in seen:
            seen.add(name)
            message = f"{name} is a builtin, which this package can no longer call"
            yield _finding("shadowed_builtin", module, rule.reference, message)


def _imports(module: Module) -> Iterator[Finding]:
    for entry in module.imports:
        path = entry.path.static
        if path[:2] in (("future", "keywords"), ("rego", "v1")):
            yield _finding("redundant_import", module, entry.path, f"{'.'.join(path)} is not needed")


def _names(modules: Sequence[Module]) -> Counter[str]:
    """How often each name is used outside rule heads; "" where a reference runs through ``data``."""
    counted: Counter[str] = Counter()
    for module in modules:
        counted.update(variable.name or "" for variable in module.variables)
        # A head's own name is among the variables.
        counted.subtract(rule.reference.elements[0].name or "" for rule in module.rules)
        references = [*module.references, *module.calls, *module.replaced, *module.substitutes]
        for reference in (*references, *(entry.path for entry in module.imports)):
            counted.update(element.name for element in reference.elements if element.name)
            if reference.elements[0].name == "data" and len(reference.static) < len(reference.elements):
                counted[""] += 1
    return counted


def _unused(module: Module, layout: Layout, names: Counter[str]) -> Iterator[Finding]:
    is_entry = module.package.static == layout.entry
    if not is_entry and not names[module.package.static[-1]] and not names[""]:
        message = f"no module names the package {'.'.join(module.package.static)}"
        yield _finding("unused_module", module, module.package, message)
        return
    seen: set[str] = set()
    for rule in module.rules:
        name = rule.reference.elements[0].name or ""
        asked_for = names[name] > 0 or (is_entry and name in DECISION_RULES)
        if name in seen or asked_for:
            continue
        seen.add(name)
        yield _finding("unused_rule", module, rule.reference, _unused_message(name, is_entry))


def _unused_message(name: str, is_entry: bool) -> str:
    if is_entry and name in _FOREIGN_NAMES:
        return f"the engine does not ask for {name}: what decides is allow, violations and obligations"
    return f"nothing asks for {name}"


def _finding(rule: str, module: Module, reference: Reference, message: str) -> Finding:
    place = reference.elements[0].place
    return Finding(module.file, place.row, place.column, rule, message, _HINTS[rule])


def _at(rule: str, module: Module, node: Mapping[str, Any], message: str) -> Finding:
    place = node.get("location") or {"row": 0, "col": 0}
    return Finding(module.file, place["row"], place["col"], rule, message, _HINTS[rule])
