"""What a policy consists of: its rules by name, and the builtins that they call."""

from collections.abc import Iterable
from dataclasses import dataclass

from rego.opa import Opa
from rego.source import PolicySource
from rego.syntax import Module


@dataclass(frozen=True, slots=True)
class Outline:
    """Sorted names; a rule of several bodies stands once."""

    rules: tuple[str, ...]
    builtins: tuple[str, ...]


async def outline(opa: Opa, source: PolicySource) -> Outline:
    """The outline of a policy's modules; raises as :meth:`rego.opa.Opa.parse` does."""
    modules = [await opa.parse(path, text.encode(), source.language) for path, text in source.modules]
    return outlined(modules)


def outlined(modules: Iterable[Module]) -> Outline:
    """The outline of parsed modules: what is called and is no rule of theirs is a builtin."""
    rules: set[str] = set()
    builtins: set[str] = set()
    for module in modules:
        own = {rule.reference.elements[0].name for rule in module.rules}
        own |= {entry.alias or entry.path.elements[-1].name for entry in module.imports}
        rules |= {".".join((*module.package.static, *rule.reference.static)) for rule in module.rules}
        builtins |= {
            ".".join(call.static)
            for call in module.calls
            if call.elements[0].name not in own and call.static[:1] != ("data",)
        }
    return Outline(tuple(sorted(rules)), tuple(sorted(name for name in builtins if name)))
