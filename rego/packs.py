"""Policy packs: ready policies with what each of their rules serves, one folder below ``rego/packs`` each.

A folder holds ``pack.yaml``, a module ``<policy>.rego`` for each policy and its tests
``<policy>_test.rego``. A violation of a pack's policy begins with the id of its rule and a colon, so that
a reason in a decision leads to the controls that ``pack.yaml`` links the rule to.

PacksInvalid    folders with problems were to be used; carries every problem by file and line
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from rego import RegoError
from regulations.problems import Kind, Problem, Report
from regulations.sources import Lines, Sources, document, read, text
from schemas.models import Enforcement, FailMode, Regulation

FOLDER: Final = Path(__file__).parent / "packs"
"""Where the packs of this project are."""

PACK_FILE: Final = "pack.yaml"

_HEAD: Final = re.compile(r"^violations contains ", re.MULTILINE)
_RULE: Final = re.compile(r"(?:^violations contains|\bmsg :=) [^\n]*?[\"`]([a-z][a-z0-9_]*): ", re.MULTILINE)
"""The id that a violation's text begins with, in the rule's head or in its body."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
ControlLink = Annotated[
    str, StringConstraints(pattern=r"^(soc2|iso27001|hipaa|iso42001|eu_ai_act|fedramp)/[^/]+$")
]
TechnicalControlId = Annotated[str, StringConstraints(pattern=r"^TC-\d{3}$")]


class PacksInvalid(RegoError):
    """The packs cannot be used; ``problems`` is not empty and sorted by file and line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Where the facts of a pack were taken from."""

    title: Line
    url: Annotated[str, StringConstraints(pattern=r"^https://\S+$")]


class Rule(_Part):
    """What one rule serves."""

    id: Word
    controls: tuple[ControlLink, ...] = ()
    """``regulation/control``, for the regulations under ``regulations/``."""
    technical_controls: tuple[TechnicalControlId, ...] = ()
    references: tuple[Line, ...] = ()
    """Ids of a framework that has no folder; the pack declares them."""


class _PolicyPart(_Part):
    file: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.rego$")]
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
    description: Line
    decision_point: Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.[a-z_]+$")]
    regulation_refs: tuple[Regulation, ...] = ()
    enforcement: Enforcement = "mandatory"
    fail_mode: FailMode = "closed"
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]


class _PackFile(_Part):
    name: Word
    title: Line
    description: Line
    regulations: tuple[Regulation, ...] = ()
    references: Mapping[str, Line] = Field(default={})
    policies: Annotated[tuple[_PolicyPart, ...], Field(min_length=1, max_length=3)]
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class PackPolicy:
    """One policy of a pack, ready to be submitted; ``source`` is its module."""

    file: str
    name: str
    description: str
    decision_point: str
    regulation_refs: tuple[Regulation, ...]
    enforcement: Enforcement
    fail_mode: FailMode
    rules: tuple[Rule, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack; ``references`` has the title of every id of a framework without a folder."""

    name: str
    title: str
    description: str
    regulations: tuple[Regulation, ...]
    references: Mapping[str, str]
    policies: tuple[PackPolicy, ...]
    sources: tuple[Source, ...]


def load_packs(folder: Path = FOLDER) -> Mapping[str, Pack]:
    """Every pack below ``folder`` by name, sorted.

    Raises :class:`PacksInvalid` with every problem of every pack, and ``OSError``.
    """
    packs: dict[str, Pack] = {}
    found: list[Problem] = []
    for place in sorted(path.parent for path in folder.glob(f"*/{PACK_FILE}")):
        pack, problems = parse(place.name, read(place))
        found += problems
        if pack is not None:
            packs[pack.name] = pack
    names = Counter(policy.name for pack in packs.values() for policy in pack.policies)
    for pack in packs.values():
        report = Report(pack.name)
        for name in sorted(policy.name for policy in pack.policies if names[policy.name] > 1):
            report.add(PACK_FILE, 1, Kind.ID_DUPLICATE, f"{name}: a policy of this name stands twice")
        found += report.problems()
    if found:
        raise PacksInvalid(sorted(found))
    return packs


def parse(folder: str, sources: Sources) -> tuple[Pack | None, tuple[Problem, ...]]:
    """The pack of a folder of this name, or None with every problem. Pure."""
    report = Report(folder)
    described = document(PACK_FILE, sources, _PackFile, report)
    if described is None:
        return None, report.problems()
    file, lines = described
    if file.name != folder:
        message = f"the folder is {folder}, its file says {file.name}"
        report.add(PACK_FILE, lines.of("name"), Kind.CODE_DIFFERS, message)
    policies = [_policy(index, file, lines, sources, report) for index in range(len(file.policies))]
    _files(file, sources, report)
    _unused(file, lines, report)
    if report.problems():
        return None, report.problems()
    pack = Pack(
        name=file.name,
        title=file.title,
        description=file.description,
        regulations=file.regulations,
        references=file.references,
        policies=tuple(policies),
        sources=file.sources,
    )
    return pack, ()


def rules_in(source: str) -> tuple[str, ...]:
    """The ids that a module's violations begin with, sorted, each once."""
    return tuple(sorted(set(_RULE.findall(source))))


def _policy(index: int, file: _PackFile, lines: Lines, sources: Sources, report: Report) -> PackPolicy:
    part = file.policies[index]
    source = text(part.file, sources, report) or ""
    text(_test_of(part.file), sources, report)
    declared = Counter(rule.id for rule in part.rules)
    for rule, count in declared.items():
        if count > 1:
            line = lines.of("policies", index, "rules")
            report.add(PACK_FILE, line, Kind.ID_DUPLICATE, f"{rule} stands twice in {part.file}")
    if source:
        present = set(rules_in(source))
        if len(_HEAD.findall(source)) != len(_RULE.findall(source)):
            report.add(part.file, 1, Kind.FIELD_INVALID, "a violation does not begin with the id of its rule")
        for rule in sorted(present ^ declared.keys()):
            where = f"in {part.file} alone" if rule in present else f"not in {part.file}"
            line = lines.of("policies", index, "rules")
            report.add(PACK_FILE, line, Kind.FIELD_INVALID, f"the rule {rule} is {where}")
    for number, each in enumerate(part.rules):
        for message in _links(each, part, file):
            line = lines.of("policies", index, "rules", number)
            report.add(PACK_FILE, line, Kind.FIELD_INVALID, f"{each.id}: {message}")
    return PackPolicy(
        file=part.file,
        name=part.name,
        description=part.description,
        decision_point=part.decision_point,
        regulation_refs=part.regulation_refs,
        enforcement=part.enforcement,
        fail_mode=part.fail_mode,
        rules=part.rules,
        source=source,
    )


def _links(rule: Rule, part: _PolicyPart, file: _PackFile) -> Iterator[str]:
    if not rule.controls and not rule.references:
        yield "serves neither a control nor a reference"
    for code in sorted(_codes([rule]) - set(part.regulation_refs)):
        yield f"{code} is not among the policy's regulation_refs"
    for reference in rule.references:
        if reference not in file.references:
            yield f"{reference} is not among the pack's references"


def _codes(rules: Iterable[Rule]) -> set[str]:
    return {link.split("/", 1)[0] for rule in rules for link in rule.controls}


def _files(file: _PackFile, sources: Sources, report: Report) -> None:
    modules = [part.file for part in file.policies]
    for name in sorted(sources.keys() - {PACK_FILE, *modules, *map(_test_of, modules)}):
        report.add(name, 1, Kind.FILE_UNEXPECTED, "no policy of the pack names this file")


def _unused(file: _PackFile, lines: Lines, report: Report) -> None:
    used = {reference for part in file.policies for rule in part.rules for reference in rule.references}
    for reference in sorted(file.references.keys() - used):
        line = lines.of("references", reference)
        report.add(PACK_FILE, line, Kind.FIELD_INVALID, f"{reference}: no rule serves it")
    for index, part in enumerate(file.policies):
        for code in sorted(set(part.regulation_refs) - _codes(part.rules)):
            line = lines.of("policies", index, "regulation_refs")
            report.add(PACK_FILE, line, Kind.FIELD_INVALID, f"{code}: no rule of {part.file} serves it")
    served = {code for part in file.policies for code in part.regulation_refs}
    for code in sorted(served ^ set(file.regulations)):
        line = lines.of("regulations")
        report.add(PACK_FILE, line, Kind.FIELD_INVALID, f"{code}: regulations and the policies' refs differ")


def _test_of(module: str) -> str:
    return module.removesuffix(".rego") + "_test.rego"
