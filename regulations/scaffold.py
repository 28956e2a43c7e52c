"""A new regulation's folder: complete and valid from the start, with one control to replace."""

import re
from pathlib import Path
from typing import Final

from regulations import ScaffoldRefused, hashing
from regulations.mapping import COLUMNS
from regulations.sources import Row

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_EXAMPLE: Final = {"id": "1.1", "parent": "", "title": "Title of the first control", "kind": "control"}

_REGULATION: Final = """\
# What it is. `governance regulations check {code}` names every count and hash that differs from controls.csv.
code: {code}
name: {code}
scope: What it governs, in a few words
edition: "First edition"
licence: Who owns ids and titles, and what allows using them here
catalogue_hash: {hash}
counts:
  controls: 1
  kind: {{control: 1}}
law:
  - {{version: "1", title: First edition, in_force: 2026-01-01}}
period: {{min_months: 1, max_months: 12, default_months: 12}}
excludable_kinds: []
"""

_WORKFLOW: Final = """\
# What the phases are called, which guards are added to which transition, and which legal clocks run.
phases:
  readiness: Readiness check
  observing: null
  attesting: Report
guards: []
clocks: []
"""


def scaffold(code: str, folder: Path) -> Path:
    """Make ``folder/code`` and return it. Raises :class:`regulations.ScaffoldRefused` and ``OSError``."""
    if _CODE.fullmatch(code) is None:
        raise ScaffoldRefused(
            f"{code!r}: a code is a small letter, then at most 31 small letters, digits and _"
        )
    place = folder / code
    if place.exists():
        raise ScaffoldRefused(f"{place} exists")
    place.mkdir(parents=True)
    for name, content in files(code).items():
        (place / name).write_text(content, encoding="utf-8", newline="\n")
    return place


def files(code: str) -> dict[str, str]:
    """The content of each file of a new folder. Pure."""
    manual = {
        "control": _EXAMPLE["id"],
        "rationale": "Say why a person assesses it",
        "reviewer": "maintainers",
    }
    manual["status"] = "manual"
    return {
        "regulation.yaml": _REGULATION.format(code=code, hash=hashing.catalogue_hash([Row(2, _EXAMPLE)])),
        "controls.csv": f"{','.join(_EXAMPLE)}\n{','.join(_EXAMPLE.values())}\n",
        "mapping.csv": f"{','.join(COLUMNS)}\n{','.join(manual.get(column, '') for column in COLUMNS)}\n",
        "workflow.yaml": _WORKFLOW,
    }
