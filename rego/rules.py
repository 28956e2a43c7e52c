"""What OPA itself does not check: whose data a module reads, and which builtins it uses. Pure.

Rules, by the name in findings:

``reserved_package``    the package belongs to the engine
``foreign_data``        a reference into another package's data
``dynamic_data``        a reference to ``data`` whose target is not fixed in the source
``library_unavailable`` a library below ``data.lib`` that the policy does not bring along
``with_data``           ``with data…``: a policy must not replace data under others
``forbidden_import``    an import other than the input, the policy's own modules and data, and the
                        language's own
``forbidden_builtin``   a builtin outside ``builtins.txt``
``missing_allow``       neither ``allow`` nor ``decision``
``wrong_shape``         ``allow``, ``violations``, ``obligations`` or ``decision`` is no rule of the
                        shape that decisions have
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rego.capabilities import uninterruptible
from rego.findings import Finding
from rego.layout import OTHERS, Layout
from rego.syntax import Module, Place, Reference, Rule

RESERVED: Final = frozenset({"system", "gov", "lib", "validator", "tenants"})

LIBRARY: Final = "lib"

_LISTS: Final = ("violations", "obligations")
"""Rules beside ``allow`` that go into the decision document."""

DECISION_RULES: Final = frozenset({"decision", "allow", *_LISTS})
"""What the engine asks the entry package for."""

_LANGUAGE: Final = frozenset(
    {
        ("rego", "v1"),
        ("future", "keywords"),
        *(("future", "keywords", word) for word in ("if", "in", "contains", "every")),
    }
)

_HINTS: Final = {
    "reserved_package": "Choose a package of your own, for example: package policies.model_promotion",
    "foreign_data": "Put what the policy needs into its input, a rule, or a module or data file of its own.",
    "dynamic_data": "Name the rule that is meant: data.<own package>.<rule>, or just <rule>.",
    "library_unavailable": "Submit the library's module with the policy.",
    "with_data": "Only the input and the policy's own functions can be replaced, outside tests.",
    "forbidden_import": "Allowed: input, the policy's own modules and data, rego.v1, future.keywords.",
    "forbidden_builtin": "rego/builtins.txt lists what is allowed and why the rest is not.",
    "uninterruptible": "No deadline ends a call of it: use another builtin, or put the value into the input.",
    "missing_allow": 'Define allow (and "default allow := false"), or the whole decision document.',
    "wrong_shape": 'Shapes: allow := <boolean>, violations contains <text>, decision := {"allow": …}.',
}


def findings_of(module: Module, layout: Layout, forbidden: frozenset[str]) -> list[Finding]:
    """Everything that keeps a module out of the policy of this layout."""
    return _in_order(
        *_builtins(module, forbidden),
        *_data(module, layout),
        *_replacements(module),
        *_imports(module, layout),
    )


def findings_of_test(module: Module, forbidden: frozenset[str]) -> list[Finding]:
    """What keeps a module of tests out: they may replace data, and run where there is no other tenant's."""
    return _in_order(*_builtins(module, forbidden))


def package_findings(module: Module, entry: tuple[str, ...]) -> list[Finding]:
    """Whether the author's package may be used at all; a library is no entry module."""
    name = module.package.static
    reserved = name[0] in (RESERVED if name == entry else RESERVED - {LIBRARY})
    if reserved or len(name) != len(module.package.elements) or name[: len(entry) + 1] == (*entry, OTHERS):
        message = f"the package {'.'.join(name)} is the engine's"
        return [_finding("reserved_package", module, module.package, message)]
    return []


def engine_findings(module: Module, layout: Layout) -> list[Finding]:
    """References to where the engine puts what is not below the entry module."""
    named_paths = (*module.references, *(entry.path for entry in module.imports))
    return [
        _finding("foreign_data", module, reference, f"{'.'.join(reference.static)} is the engine's")
        for reference in named_paths
        if reference.elements[0].name == "data" and layout.taken(reference.static[1:])
    ]


def decision_findings(modules: Sequence[Module]) -> list[Finding]:
    """Whether the modules of the entry package, the entry module first, make a decision document."""
    if heads := named(modules, "decision"):
        return [
            _finding(
                "wrong_shape", module, rule.reference, "decision must be an object, not a function or set"
            )
            for module, rule in heads
            if rule.function or (rule.partial and len(rule.reference.elements) == 1)
        ]
    if not named(modules, "allow"):
        message = "the policy defines neither allow nor decision"
        return [_finding("missing_allow", modules[0], modules[0].package, message)]
    wrong = [
        _finding("wrong_shape", module, rule.reference, "allow must be one boolean")
        for module, rule in named(modules, "allow")
        if rule.function or rule.partial or len(rule.reference.elements) > 1
    ]
    return wrong + [
        _finding("wrong_shape", module, rule.reference, f"{name} must be a set or an array")
        for name in _LISTS
        for module, rule in named(modules, name)
        if rule.function or len(rule.reference.elements) > 1
    ]


def assembled_decision(modules: Sequence[Module]) -> str:
    """The rule to append so that the entry package has a decision document; empty when it has one."""
    if named(modules, "decision"):
        return ""
    lists = "".join(
        f', "{name}": [found | found := {name}[_]]'
        for name in _LISTS
        if name == "violations" or named(modules, name)
    )
    if not named(modules, "violations"):
        lists = lists.replace("[found | found := violations[_]]", "[]")
    return f'\ndecision := {{"allow": allow{lists}}}\n'


def named(modules: Sequence[Module], name: str) -> list[tuple[Module, Rule]]:
    """The rules of a name, each with its module."""
    return [
        (module, rule)
        for module in modules
        for rule in module.rules
        if rule.reference.elements[0].name == name
    ]


def _data(module: Module, layout: Layout) -> Iterator[Finding]:
    for variable in module.variables:
        if variable.name == "data":
            yield _at("dynamic_data", module, variable.place, "data as a whole is not open to a policy")
    package = module.package.static
    for reference in module.references:
        path = reference.static[1:]
        if reference.elements[0].name != "data" or layout.may_name(path, package):
            continue
        message = f"data.{'.'.join(path)} is not the policy's own"
        if path[:1] == (LIBRARY,):
            message = f"data.{'.'.join(path)} is no library of the policy"
            yield _finding("library_unavailable", module, reference, message)
        elif not path or (layout.has_above(path, package) and len(path) < len(reference.elements) - 1):
            message = "the target of this data reference is not fixed"
            yield _finding("dynamic_data", module, reference, message)
        else:
            yield _finding("foreign_data", module, reference, message)


def _replacements(module: Module) -> Iterator[Finding]:
    for target in module.replaced:
        if target.elements[0].name == "data":
            yield _finding("with_data", module, target, "with replaces data")


def _imports(module: Module, layout: Layout) -> Iterator[Finding]:
    for entry in module.imports:
        path = entry.path.static
        if path[0] == "input" or path in _LANGUAGE:
            continue
        if path[0] == "data" and layout.may_name(path[1:], module.package.static):
            continue
        if path[:2] == ("data", LIBRARY):
            message = f"{'.'.join(path)} is no library of the policy"
            yield _finding("library_unavailable", module, entry.path, message)
        else:
            yield _finding("forbidden_import", module, entry.path, f"import of {'.'.join(path)}")


def _builtins(module: Module, forbidden: frozenset[str]) -> Iterator[Finding]:
    # A rule of the module hides the builtin of its name. What a local variable then lets through, OPA
    # refuses by the capabilities; all but print, which it takes out before it looks at those.
    own = {rule.reference.elements[0].name for rule in module.rules} - {"print"}
    for reference in (*module.calls, *module.replaced, *module.substitutes):
        name = ".".join(reference.static)
        if name in forbidden and reference.elements[0].name not in own:
            found = _finding("forbidden_builtin", module, reference, f"{name} is not allowed in a policy")
            yield replace(found, hint=_HINTS["uninterruptible"]) if name in uninterruptible() else found


def _in_order(*found: Finding) -> list[Finding]:
    """One finding a place, in the order of the source."""
    by_place = {(finding.row, finding.column): finding for finding in found}
    return [by_place[place] for place in sorted(by_place)]


def _finding(rule: str, module: Module, reference: Reference, message: str) -> Finding:
    return _at(rule, module, reference.elements[0].place, message)


def _at(rule: str, module: Module, place: Place, message: str) -> Finding:
    return Finding(module.file, place.row, place.column, rule, message, _HINTS[rule])
