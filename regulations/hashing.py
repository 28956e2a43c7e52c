"""The two hashes of a regulation.

Both are over parsed content, so line ends, byte order marks, quoting in CSV, comments and key order in YAML
do not matter, and every platform computes the same.

- The *catalogue hash* covers id, parent, title and kind of every row of ``controls.csv``, sorted by id: what
  the regulation says. ``regulation.yaml`` writes it down, so that a title cannot change by accident.
- The *version* covers every file of the folder: CSV as its records in order (header included), YAML as its
  value, every other file as its bytes with ``\\r\\n`` read as ``\\n``. It is what workflows pin.

Each is ``sha256:`` and the hex digest of canonical JSON (sorted keys, no spaces, UTF-8).
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Final

from regulations.sources import Row, Sources, plain_yaml, records

CATALOGUE_COLUMNS: Final = ("id", "parent", "title", "kind")


def catalogue_hash(rows: Iterable[Row]) -> str:
    """Hash of what the rows of ``controls.csv`` say."""
    return _digest(sorted([row.cells[column] for column in CATALOGUE_COLUMNS] for row in rows))


def version(sources: Sources) -> str:
    """Hash of a whole folder that was read without problems."""
    return _digest({name: _content(name, sources[name]) for name in sources})


def _content(name: str, data: bytes) -> object:
    if "/" not in name and name.endswith(".csv"):
        return [cells for _, cells in records(data.decode("utf-8-sig"))]
    if "/" not in name and name.endswith(".yaml"):
        return plain_yaml(data.decode("utf-8-sig"))
    return data.replace(b"\r\n", b"\n").hex()


def _digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
