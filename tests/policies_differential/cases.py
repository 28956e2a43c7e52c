"""Written modules: the language's documented idioms, by topic, with inputs (``idioms/*.yaml``)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

FOLDER: Final = Path(__file__).parent / "idioms"

_PACKAGE: Final = re.compile(r"\s*\ufeff?(?:\s|#[^\n]*\n)*package\b")


@dataclass(frozen=True, slots=True)
class Case:
    """One module as its author wrote it, and the inputs that it is asked about.

    ``refused`` names the rule by which the submission keeps it out; empty for one that decides.
    """

    name: str
    source: str
    inputs: tuple[object, ...]
    refused: str = ""


def written() -> list[Case]:
    """Every written case, in the files' order."""
    return [case for file in sorted(FOLDER.glob("*.yaml")) for case in _of_file(file)]


def _of_file(file: Path) -> Sequence[Case]:
    document = yaml.safe_load(file.read_text())
    inputs = tuple(document["inputs"])
    return [
        Case(
            f"{file.stem}: {entry['note']}",
            _with_package(entry["module"], f"idioms.{file.stem}.c{number}"),
            inputs,
            entry.get("refused", ""),
        )
        for number, entry in enumerate(document["cases"])
    ]


def _with_package(source: str, package: str) -> str:
    """A module that does not speak of its package gets one."""
    return source if _PACKAGE.match(source) else f"package {package}\n\n{source}"
