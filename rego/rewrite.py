"""Moving a module into the package of its tenant, policy and version. Pure."""

import json
import re
from typing import Final

from rego.places import Edit, Edited, Source
from rego.rules import assembled_decision
from rego.syntax import Import, Module, Reference

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def loaded_package(tenant: str, policy_id: str, version: int) -> tuple[str, str, str, str]:
    """The package path, without ``data``, under which OPA holds a version."""
    return ("tenants", tenant, policy_id, f"v{version}")


def moved(source: Source, module: Module, package: tuple[str, str, str, str]) -> Edited:
    """The module in its loaded package, with a decision document.

    Every mention of the author's own package moves along. Raises :class:`rego.places.Unlocatable`.
    """
    own = module.package.static
    target = _path(package)
    edits = [_edit(source, module.package, len(own), target)]
    root = ("data", *own)
    mentions = [(reference, "") for reference in module.references]
    mentions += [(entry.path, _alias(entry, root)) for entry in module.imports]
    edits += [
        _edit(source, mention, len(root), f"data.{target}{alias}")
        for mention, alias in mentions
        if mention.static[: len(root)] == root
    ]
    # The key of a partial rule stands twice in the tree.
    edits = list(dict.fromkeys(edits))
    if appended := assembled_decision(module):
        edits.append(Edit(len(source.data), len(source.data), f"\n{appended}".encode()))
    return Edited(source, edits)


def _alias(entry: Import, root: tuple[str, ...]) -> str:
    """An import of the package itself keeps the name that it had by its last part."""
    return f" as {root[-1]}" if len(entry.path.elements) == len(root) and not entry.alias else ""


def printed_paths(package: tuple[str, ...]) -> tuple[str, ...]:
    """How OPA writes a package in its messages."""
    dotted = "".join(f".{name}" if _NAME.fullmatch(name) else f"[{_quoted(name)}]" for name in package)
    return (f"data{dotted}", f"data.{_path(package)}")


def _path(package: tuple[str, ...]) -> str:
    """Quoted where a name could be anything; the first and last of a loaded package are ours."""
    first, *middle, last = package
    return first + "".join(f"[{_quoted(name)}]" for name in middle) + f".{last}"


def _quoted(name: str) -> str:
    """A Rego string: JSON's, in which OPA reads every escape."""
    return json.dumps(name, ensure_ascii=False)


def _edit(source: Source, reference: Reference, length: int, text: str) -> Edit:
    elements = reference.elements
    return Edit(source.offset(elements[0].place), source.end(elements[length - 1]), text.encode())
