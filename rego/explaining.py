"""A recorded decision run once more, apart from the OPA that decides: which rules fired, and with what.

The decision is evaluated as it was, and OPA's coverage says which rules came to an end; beside it every rule
is evaluated for its value. A rule that OPA did not have to look at did not fire.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from rego import RegoError
from rego.binary import BinaryLimits, OutOfBounds, run
from rego.findings import FILE, Failed
from rego.layout import OTHERS, Layout
from rego.loaded import Loaded, Place, data_document, loaded_package
from rego.opa import Opa, folder_of
from rego.places import Edited, Source, Unlocatable
from rego.rewrite import moved, printed_paths
from rego.rules import assembled_decision
from rego.source import PolicySource
from rego.syntax import Module, Rule

LIMITS: Final = BinaryLimits(cpu_s=2, wall_s=5.0, output_bytes=8_388_608)
"""Of each run: a decision took milliseconds, whoever asks waits, and what it says has to fit an answer."""

AT_ONCE: Final = 2
"""Explanations at the same time: the cores of a small machine."""

_ENDINGS: Final = frozenset({0, 1, 2})

Position = tuple[int, int]
"""Row and column, from 1."""


class NotExplained(RegoError):
    """The run did not come to an end, or the source cannot be read; the text says which."""


@dataclass(frozen=True, slots=True)
class RuleRun:
    """One rule of a policy."""

    file: str
    row: int
    """Of its head, from 1, in the file as submitted; as loaded where that was converted."""
    name: str
    fired: bool
    value: object
    """Of all rules of that name together; None where they have none, or are a function."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a run said."""

    result: object
    """The decision document; None where there is none."""
    rules: tuple[RuleRun, ...]
    """Of every module, in order."""
    error: str
    """What OPA reported instead of a result, else empty."""
    converted: bool
    """Whether rows are those of the loaded modules, because the submitted ones were converted."""


class Explainer:
    """Runs decisions with one OPA binary (a name on PATH, or a path), a few at a time."""

    def __init__(self, binary: str, limits: BinaryLimits = LIMITS) -> None:
        self._opa = Opa(binary, limits)
        self._slots = asyncio.Semaphore(AT_ONCE)

    @property
    def busy(self) -> bool:
        """Whether one more would have to wait."""
        return self._slots.locked()

    async def explain(
        self, key: tuple[str, str, int], source: PolicySource, loaded: Loaded, document: bytes
    ) -> Explanation:
        """How the version (tenant, policy id, number) decides a document; takes about 0.1 s.

        Raises :class:`NotExplained`, and :class:`rego.CheckUnavailable` where OPA cannot be run.
        """
        async with self._slots:
            try:
                return await self._explain(loaded_package(*key), source, loaded, document)
            except OutOfBounds as error:
                raise NotExplained(str(error)) from None
            except Failed:
                raise NotExplained("the loaded modules cannot be read") from None

    async def _explain(
        self, place: Place, source: PolicySource, loaded: Loaded, document: bytes
    ) -> Explanation:
        path = printed_paths(place)[1]
        decided = await self._evaluated(loaded, place, document, f"{path}.decision")
        valued = await self._evaluated(loaded, place, document, path)
        modules, edited = await self._submitted(source, place, loaded)
        converted = edited is None
        if converted:
            modules = [await self._opa.parse(name, text.encode(), "v1") for name, text in _files(loaded)]
        rules: list[RuleRun] = []
        for number, module in enumerate(modules):
            ended = _ended(decided, number)
            if edited is not None:
                ended = {edited[number].original(*position) for position in ended}
            values = _below(_value(valued), _path_of(module, modules[0], place, converted))
            rules += [_ran(module.file, rule, ended, values) for rule in module.rules]
        return Explanation(_value(decided), tuple(rules), _error(decided), converted)

    async def _submitted(
        self, source: PolicySource, place: Place, loaded: Loaded
    ) -> tuple[list[Module], list[Edited] | None]:
        """The submitted modules, and how they were moved; None where what is loaded is not that."""
        try:
            modules = [
                await self._opa.parse(name, text.encode(), source.language) for name, text in source.modules
            ]
        except Failed:  # of an older version of the language
            return [], None
        return modules, _edited(source, modules, place, loaded)

    async def _evaluated(
        self, loaded: Loaded, place: Place, document: bytes, query: str
    ) -> Mapping[str, Any]:
        written = {_name(number): text.encode() for number, (_, text) in enumerate(_files(loaded))}
        written |= {"loaded/data.json": data_document({place: loaded.data}), "input.json": document}
        arguments = ("eval", "--coverage", "--format", "json", "--bundle", "loaded", "--input", "input.json")
        with folder_of(written) as folder:
            output = await run(self._opa.binary, (*arguments, query), folder, self._opa.limits, _ENDINGS)
        try:
            answer = orjson.loads(output.out)
        except orjson.JSONDecodeError:
            raise OutOfBounds(output.err[:200].decode(errors="replace") or "OPA said nothing") from None
        return answer if isinstance(answer, dict) else {}


def _files(loaded: Loaded) -> list[tuple[str, str]]:
    return [(FILE, loaded.module), *loaded.modules]


def _name(number: int) -> str:
    return f"loaded/{number}.rego"


def _edited(
    source: PolicySource, modules: Sequence[Module], place: Place, loaded: Loaded
) -> list[Edited] | None:
    """The submitted modules as they were moved; None where what is loaded is not that."""
    entry = modules[0].package.static
    layout = Layout(entry, frozenset(module.package.static for module in modules))
    decision = assembled_decision([module for module in modules if module.package.static == entry])
    found: list[Edited] = []
    for number, (module, (_, text)) in enumerate(zip(modules, source.modules, strict=True)):
        appended = decision if number == 0 else ""
        try:
            found.append(moved(Source(text.encode()), module, layout, place, appended))
        except Unlocatable:
            return None
    same = [edited.source.data.decode() for edited in found] == [text for _, text in _files(loaded)]
    return found if same else None


def _ended(answer: Mapping[str, Any], number: int) -> set[Position]:
    """Where rules and expressions of a loaded module begin that came to an end."""
    files = answer.get("coverage", {}).get("files", {})
    ranges = files.get(_name(number), files.get(f"/{_name(number)}", {})).get("covered") or []
    return {(each["start"]["row"], each["start"]["col"]) for each in ranges}


def _path_of(module: Module, entry: Module, place: Place, converted: bool) -> Sequence[str]:
    """Where a module's rules lie below the version's place."""
    package = module.package.static
    if converted:
        return package[len(place) :]
    own = entry.package.static
    return package[len(own) :] if package[: len(own)] == own else (OTHERS, *package)


def _ran(file: str, rule: Rule, ended: set[Position], values: object) -> RuleRun:
    head = rule.reference.elements[0].place
    name = ".".join(rule.reference.static)
    value = None if rule.function else _below(values, rule.reference.static)
    return RuleRun(file, head.row, name, (head.row, head.column) in ended, value)


def _below(value: object, names: Sequence[str]) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _value(answer: Mapping[str, Any]) -> object:
    results = answer.get("result")
    return results[0]["expressions"][0]["value"] if results else None


def _error(answer: Mapping[str, Any]) -> str:
    return "; ".join(str(error.get("message", "")) for error in answer.get("errors") or ())[:500]
