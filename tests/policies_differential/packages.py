"""The package that a source declares, read without the product's own parser."""

import json
import re
from typing import Final

_LINE: Final = re.compile(r"^\ufeff?(?:\s|#[^\n]*\n)*package\s+")
_FIRST: Final = re.compile(r"\w+")
_NEXT: Final = re.compile(r'\.(\w+)|\[("(?:[^"\\]|\\.)*")\s*(?:#[^\n]*\n\s*)?\]')


def package_of(source: str) -> tuple[str, ...]:
    """The package's names; asserts that there is one."""
    line = _LINE.match(source)
    assert line, source
    first = _FIRST.match(source, line.end())
    assert first, source
    names = [first[0]]
    position = first.end()
    while part := _NEXT.match(source, position):
        names.append(part[1] or json.loads(part[2]))
        position = part.end()
    return tuple(names)
