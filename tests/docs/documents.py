"""The documents of the repository, and what is written in them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
DOCUMENTS: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

_BLOCK: Final = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\]\((?P<target>[^)#\s]+)")
_TEST: Final = re.compile(r"`(?P<path>tests/[\w/]+(?:\.py)?)/?`")


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    found = _BLOCK.finditer(document.read_text(encoding="utf-8"))
    return [match["text"] for match in found if match["language"] == language]


def links() -> Iterator[tuple[str, str]]:
    """Every link to a file of the repository, with the document that it stands in."""
    for document in DOCUMENTS:
        for match in _LINK.finditer(document.read_text(encoding="utf-8")):
            if "://" not in match["target"]:
                yield str(document.relative_to(ROOT)), match["target"]


def named_tests() -> Iterator[tuple[str, str]]:
    """Every test file or folder that a document names."""
    for document in DOCUMENTS:
        for match in _TEST.finditer(document.read_text(encoding="utf-8")):
            yield str(document.relative_to(ROOT)), match["path"]
