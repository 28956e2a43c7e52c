"""What OPA itself does not check: whose data a module reads, and which builtins it uses. Pure.

Rules, by the name in findings:

``reserved_package``    the package belongs to the engine
``foreign_data``        a reference into another package's data
``dynamic_data``        a reference to ``data`` whose target is not fixed in the source
``library_unavailable`` ``data.lib``, which holds nothing yet
``with_data``           ``with data…``: a policy must not replace data under others
``forbidden_import``    an import other than the input, the own package and the language's own
``forbidden_builtin``   a builtin outside ``builtins.txt``
``missing_allow``       neither ``allow`` nor ``decision``
``wrong_shape``         ``allow``, ``violations`` or ``decision`` is no rule of the shape that decisions have
``no_default``          (warning) ``allow`` has no default, so an input can leave the policy undecided
"""

from collections.abc import Iterator
from typing import Final

from rego.findings import FILE, Finding
from rego.syntax import Import, Module, Place, Reference, Rule

RESERVED: Final = frozenset({"system", "gov", "lib", "validator", "tenants"})

LIBRARY: Final = "lib"

_LANGUAGE: Final = frozenset(
    {
        ("rego", "v1"),
        ("future", "keywords"),
        *(("future", "keywords", word) for word in ("if", "in", "contains", "every")),
    }
)

_HINTS: Final = {
    "reserved_package": "Choose a package of your own, for example: package policies.model_promotion",
    "foreign_data": "Put what the policy needs into its input, or into a rule of its own.",
    "dynamic_data": "Name the rule that is meant: data.<own package>.<rule>, or just <rule>.",
    "library_unavailable": "No shared library is installed; define the rule in the policy.",
    "with_data": "Only the input and the policy's own functions can be replaced.",
    "forbidden_import": "Allowed: input, the own package, rego.v1, future.keywords.",
    "forbidden_builtin": "rego/builtins.txt lists what is allowed and why the rest is not.",
    "missing_allow": 'Define allow (and "default allow := false"), or the whole decision document.',
    "wrong_shape": 'Shapes: allow := <boolean>, violations contains <text>, decision := {"allow": …}.',
    "no_default": 'Add "default allow := false".',
}


def findings_of(module: Module, own: tuple[str, ...], forbidden: frozenset[str]) -> list[Finding]:
    """Everything that keeps a module out; ``own`` is its package's path without ``data``."""
    found = {
        (finding.row, finding.column): finding
        for finding in (
            *_builtins(module, forbidden),
            *_data(module, own),
            *_replacements(module),
            *_imports(module, own),
        )
    }
    return sorted(found.values(), key=lambda finding: (finding.row, finding.column))


def package_findings(module: Module) -> list[Finding]:
    """Whether the author's package may be used at all."""
    name = module.package.static
    if len(name) != len(module.package.elements) or name[0] in RESERVED:
        return [_finding("reserved_package", module.package, f"the package {'.'.join(name)} is the engine's")]
    return []


def decision_findings(module: Module) -> list[Finding]:
    """Whether the module's rules make a decision document."""
    if heads := _named(module, "decision"):
        return [
            _finding("wrong_shape", rule.reference, "decision must be an object, not a function or set")
            for rule in heads
            if rule.function or (rule.partial and len(rule.reference.elements) == 1)
        ]
    if not _named(module, "allow"):
        return [_finding("missing_allow", module.package, "the policy defines neither allow nor decision")]
    wrong = [
        _finding("wrong_shape", rule.reference, "allow must be one boolean")
        for rule in _named(module, "allow")
        if rule.function or rule.partial or len(rule.reference.elements) > 1
    ]
    return wrong + [
        _finding("wrong_shape", rule.reference, "violations must be a set or an array")
        for rule in _named(module, "violations")
        if rule.function or len(rule.reference.elements) > 1
    ]


def warnings_of(module: Module) -> list[Finding]:
    """What is allowed and probably not meant."""
    heads = _named(module, "allow")
    if _named(module, "decision") or not heads or any(rule.default for rule in heads):
        return []
    message = "allow has no default: an input that no rule matches is undecided, and the fail mode answers"
    return [_finding("no_default", heads[0].reference, message)]


def assembled_decision(module: Module) -> str:
    """The rule to append so that the module has a decision document; empty when it has one."""
    if _named(module, "decision"):
        return ""
    violations = "[found | some found in violations]" if _named(module, "violations") else "[]"
    return f'\ndecision := {{"allow": allow, "violations": {violations}}}\n'


def _named(module: Module, name: str) -> list[Rule]:
    return [rule for rule in module.rules if rule.reference.elements[0].name == name]


def _data(module: Module, own: tuple[str, ...]) -> Iterator[Finding]:
    for variable in module.variables:
        if variable.name == "data":
            yield _at("dynamic_data", variable.place, "data as a whole is not open to a policy")
    for reference in module.references:
        if reference.elements[0].name != "data":
            continue
        path = reference.static[1:]
        if path[: len(own)] == own:
            continue
        if path[:1] == (LIBRARY,):
            yield _finding("library_unavailable", reference, "data.lib is empty")
        elif not path or (path == own[: len(path)] and len(path) < len(reference.elements) - 1):
            yield _finding("dynamic_data", reference, "the target of this data reference is not fixed")
        else:
            yield _finding("foreign_data", reference, f"data.{'.'.join(path)} is not the policy's own")


def _replacements(module: Module) -> Iterator[Finding]:
    for target in module.replaced:
        if target.elements[0].name == "data":
            yield _finding("with_data", target, "with replaces data")


def _imports(module: Module, own: tuple[str, ...]) -> Iterator[Finding]:
    for entry in module.imports:
        path = entry.path.static
        if path[0] == "input" or path in _LANGUAGE or (path[0] == "data" and _is_own(entry, own)):
            continue
        if path[:2] == ("data", LIBRARY):
            yield _finding("library_unavailable", entry.path, "data.lib is empty")
        else:
            yield _finding("forbidden_import", entry.path, f"import of {'.'.join(path)}")


def _is_own(entry: Import, own: tuple[str, ...]) -> bool:
    return entry.path.static[1 : 1 + len(own)] == own


def _builtins(module: Module, forbidden: frozenset[str]) -> Iterator[Finding]:
    # A rule of the module hides the builtin of its name. What a local variable then lets through, OPA
    # refuses by the capabilities; all but print, which it takes out before it looks at those.
    own = {rule.reference.elements[0].name for rule in module.rules} - {"print"}
    for reference in (*module.calls, *module.replaced, *module.substitutes):
        name = ".".join(reference.static)
        if name in forbidden and reference.elements[0].name not in own:
            yield _finding("forbidden_builtin", reference, f"{name} is not allowed in a policy")


def _finding(rule: str, reference: Reference, message: str) -> Finding:
    return _at(rule, reference.elements[0].place, message)


def _at(rule: str, place: Place, message: str) -> Finding:
    return Finding(FILE, place.row, place.column, rule, message, _HINTS.get(rule, ""))
