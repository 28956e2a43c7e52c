"""Moving a policy's modules into the package of its tenant, policy and version. Pure."""

import json
import re
from collections.abc import Sequence
from typing import Final

from rego.layout import OTHERS, Layout
from rego.loaded import Place
from rego.places import Edit, Edited, Source
from rego.syntax import Import, Module, Reference

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def moved(source: Source, module: Module, layout: Layout, place: Place, appended: str = "") -> Edited:
    """A module in its loaded package, with ``appended`` at its end.

    Every mention of the policy's own packages and data moves along. Raises
    :class:`rego.places.Unlocatable`.
    """
    target = _path(place)
    edits = [_package(source, module.package, layout, target)]
    mentions = [(reference, "") for reference in module.references]
    mentions += [(entry.path, _alias(entry, layout)) for entry in module.imports]
    edits += [
        _mention(source, mention, layout, target, alias)
        for mention, alias in mentions
        if mention.elements[0].name == "data"
    ]
    # The key of a partial rule stands twice in the tree.
    edits = list(dict.fromkeys(edits))
    if appended:
        edits.append(Edit(len(source.data), len(source.data), f"\n{appended}".encode()))
    return Edited(source, edits)


def printed_paths(package: Sequence[str]) -> tuple[str, ...]:
    """How OPA writes a package in its messages."""
    dotted = "".join(f".{name}" if _NAME.fullmatch(name) else f"[{_quoted(name)}]" for name in package)
    bare = "".join(f".{name}" if _NAME.fullmatch(name) else f'["{name}"]' for name in package)
    return (f"data{dotted}", f"data.{_path(package)}", f"data{bare}")


def _package(source: Source, package: Reference, layout: Layout, target: str) -> Edit:
    if layout.below_entry(package.static):
        return _edit(source, package, len(layout.entry), target)
    start = source.offset(package.elements[0].place)
    return Edit(start, start, f"{target}.{OTHERS}.".encode())


def _mention(source: Source, mention: Reference, layout: Layout, target: str, alias: str) -> Edit:
    if layout.below_entry(mention.static[1:]):
        return _edit(source, mention, len(layout.entry) + 1, f"data.{target}{alias}")
    return _edit(source, mention, 1, f"data.{target}.{OTHERS}")


def _alias(entry: Import, layout: Layout) -> str:
    """An import of the entry package itself keeps the name that it had by its last part."""
    is_entry = entry.path.static == ("data", *layout.entry) and not entry.alias
    return f" as {layout.entry[-1]}" if is_entry else ""


def _path(package: Sequence[str]) -> str:
    """Quoted where a name could be anything; the first and last of a loaded package are ours."""
    first, *middle, last = package
    return first + "".join(f"[{_quoted(name)}]" for name in middle) + f".{last}"


def _quoted(name: str) -> str:
    """A Rego string: JSON's, in which OPA reads every escape."""
    return json.dumps(name, ensure_ascii=False)


def _edit(source: Source, reference: Reference, length: int, text: str) -> Edit:
    elements = reference.elements
    return Edit(source.offset(elements[0].place), source.end(elements[length - 1]), text.encode())
