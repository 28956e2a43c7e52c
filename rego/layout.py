"""Where what a policy calls ``data`` lies in OPA, and what of it the policy may name. Pure.

What is below the package of the entry module lies at the version's place: ``data.acme.gate.limits``
becomes ``data.tenants["t"]["p"].v1.limits``. Everything else lies below ``data`` there:
``data.lib.roles`` becomes ``data.tenants["t"]["p"].v1.data.lib.roles``. No rule of the entry module can
be called ``data``, so the two never meet.
"""

from dataclasses import dataclass
from typing import Final

Path = tuple[str, ...]
"""Names below ``data``."""

OTHERS: Final = "data"
"""The name below a version's place that holds what is not below the entry module's package."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The packages and data of one policy, as its author sees them."""

    entry: Path
    """Package of the entry module."""
    roots: frozenset[Path]
    """Every package, and every top name of the data files."""

    def owns(self, path: Path) -> bool:
        """Whether a path leads into the policy's own packages or data."""
        return any(path[:length] in self.roots for length in range(1, len(path) + 1))

    def may_name(self, path: Path, package: Path) -> bool:
        """Whether a module of ``package`` may name ``path``, or anything below it.

        A path above the entry module or the module itself has no one place, and would recurse.
        """
        if not path or self.has_above(path, package):
            return False
        return self.owns(path) or any(_is_above(path, root) for root in self.roots)

    def taken(self, path: Path) -> bool:
        """Whether a path is the engine's: where everything lies that is not below the entry module."""
        return path[: len(self.entry) + 1] == (*self.entry, OTHERS)

    def has_above(self, path: Path, package: Path) -> bool:
        """Whether a path stands above the entry module, or above a module of ``package``."""
        return any(_is_above(path, each) for each in (self.entry, package))

    def below_entry(self, path: Path) -> bool:
        """Whether a path lies at the version's place itself."""
        return path[: len(self.entry)] == self.entry

    def placed(self, document: dict[str, object]) -> dict[str, object]:
        """The author's data document as one that stands at the version's place.

        Raises ValueError where a value stands in the way of the entry module's package.
        """
        others, inner = _cut(document, self.entry)
        return {**inner, OTHERS: others} if others else inner


def _is_above(path: Path, other: Path) -> bool:
    return len(path) < len(other) and other[: len(path)] == path


def _cut(document: dict[str, object], path: Path) -> tuple[dict[str, object], dict[str, object]]:
    """The document without what is at ``path``, and what is there."""
    name, *rest = path
    if name not in document:
        return document, {}
    below = document[name]
    if not isinstance(below, dict):
        raise ValueError(f"a value stands at the package name {name}")
    kept = {key: value for key, value in document.items() if key != name}
    if not rest:
        return kept, below
    remaining, found = _cut(below, tuple(rest))
    return ({**kept, name: remaining} if remaining else kept), found
