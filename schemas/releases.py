"""Released schema files: never edited, and compatible with each other as their topics promise.

``released.json`` maps each released file (``commands/<type>.v<N>.avsc``) to the SHA-256 of its bytes.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from fastavro.types import Schema

from schemas.avro import FOLDER, Kind, MessageSchema, parse
from schemas.compatibility import check
from schemas.errors import Incompatible
from schemas.shape import BAD_SCHEMA
from schemas.topics import Compatibility, Topics

REGISTER: Final = "released.json"
_KINDS: Final[tuple[Kind, ...]] = ("commands", "events")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one file."""

    file: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.message}"


@dataclass(frozen=True, slots=True)
class _Version:
    file: str
    message: MessageSchema
    raw: Schema


def read_register(folder: Path = FOLDER) -> dict[str, str]:
    """The digest of each released file."""
    register: dict[str, str] = json.loads((folder / REGISTER).read_text())
    return register


def digests(folder: Path = FOLDER) -> dict[str, str]:
    """The digest of each schema file that is there."""
    return {
        f"{kind}/{file.name}": sha256(file.read_bytes()).hexdigest()
        for kind in _KINDS
        for file in sorted((folder / kind).glob("*.avsc"))
    }


def problems(topics: Topics, folder: Path = FOLDER) -> list[Problem]:
    """Everything that is wrong with the schema files; empty: they keep every promise."""
    found = list(_changed(read_register(folder), digests(folder)))
    versions: dict[str, list[_Version]] = {}
    for file in digests(folder):
        kind, _, name = file.partition("/")
        text = (folder / file).read_text()
        try:
            message = parse("commands" if kind == "commands" else "events", name, text)
        except BAD_SCHEMA as error:
            found.append(Problem(file, f"is no Avro schema: {error}"))
            continue
        versions.setdefault(message.type, []).append(_Version(file, message, json.loads(text)))
    for each in versions.values():
        found.extend(_broken_rules(sorted(each, key=lambda v: v.message.version), topics))
    return [*found, *_unsaid(versions, topics), *_doubled(versions)]


def release(folder: Path = FOLDER) -> list[str]:
    """Adds the files that are not yet in the register and returns them; what is in it stays as it is."""
    register, present = read_register(folder), digests(folder)
    new = sorted(set(present) - set(register))
    whole = dict(sorted({**register, **{file: present[file] for file in new}}.items()))
    (folder / REGISTER).write_text(json.dumps(whole, indent=2) + "\n")
    return new


def _changed(register: Mapping[str, str], present: Mapping[str, str]) -> Iterator[Problem]:
    for file, digest in register.items():
        if file not in present:
            yield Problem(file, "is released and was removed; put it back")
        elif present[file] != digest:
            yield Problem(file, "is released and was edited; put it back and add the next version")
    for file in sorted(set(present) - set(register)):
        yield Problem(file, "is not in released.json; release it with: governance schemas release")


def _broken_rules(versions: list[_Version], topics: Topics) -> Iterator[Problem]:
    newest = versions[-1]
    numbers = [version.message.version for version in versions]
    if numbers != list(range(1, len(numbers) + 1)):
        yield Problem(newest.file, f"versions are {numbers}, not 1 to {len(numbers)}")
    rule = _rule(newest.message.type, topics)
    if rule is None:
        return
    for place, version in enumerate(versions):
        try:
            check(version.raw, [older.raw for older in versions[:place]], rule)
        except (Incompatible, ValueError) as error:
            yield Problem(version.file, f"breaks {rule}: {error}")


def _rule(message_type: str, topics: Topics) -> Compatibility | None:
    for topic in topics.all:
        if message_type in topic.messages:
            return topic.compatibility
    return None


def _unsaid(versions: Mapping[str, list[_Version]], topics: Topics) -> Iterator[Problem]:
    said = {message for topic in topics.all for message in topic.messages}
    for message_type in sorted(said - set(versions)):
        yield Problem("topics.yaml", f"{message_type} has no schema")
    for message_type in sorted(set(versions) - said):
        yield Problem(versions[message_type][0].file, "is on no topic of topics.yaml")


def _doubled(versions: Mapping[str, list[_Version]]) -> Iterator[Problem]:
    # A body names its schema by fingerprint alone, so that two types must never share one.
    seen: dict[bytes, str] = {}
    for each in versions.values():
        for version in each:
            other = seen.setdefault(version.message.fingerprint, version.file)
            if other != version.file:
                yield Problem(version.file, f"has the fingerprint of {other}: nothing a reader sees differs")
