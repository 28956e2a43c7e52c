"""The OPA program's commands on a policy's files, each in a folder of its own and inside limits."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from rego.binary import BinaryLimits, OutOfBounds, run
from rego.capabilities import Capabilities, cut_down
from rego.data import read_document
from rego.findings import FILE, Failed, Finding
from rego.opa_errors import errors_of
from rego.source import SCHEMA, Language
from rego.syntax import Module, TooDeep, module_of, read_module, read_tree

Files = Sequence[tuple[str, bytes]]
"""Author's paths and texts."""

_READ_AGAIN: Final = "[rego.parse_module(each.name, each.text) | some each in input]"

_EVAL_ENDINGS: Final = frozenset({0, 1, 2})

_TOO_DEEP: Final = "expressions are nested too deeply"


@dataclass(slots=True)
class Opa:
    """One OPA binary (a name on PATH, or a path); every method may raise
    :class:`rego.binary.OutOfBounds` and :class:`rego.CheckUnavailable`."""

    binary: str
    limits: BinaryLimits
    _capabilities: Capabilities | None = None

    async def capabilities(self) -> Capabilities:
        """What a policy may use of this OPA."""
        if self._capabilities is None:
            with folder_of({}) as folder:
                output = await run(self.binary, ("capabilities", "--current"), folder, self.limits)
            self._capabilities = cut_down(output.out)
        return self._capabilities

    async def parse(self, path: str, data: bytes, language: Language) -> Module:
        """One module; raises :class:`Failed`."""
        arguments = ("parse", "--format", "json", "--json-include", "locations,-comments")
        with folder_of({FILE: data}) as folder:
            output = await run(self.binary, (*arguments, *_in(language), FILE), folder, self.limits)
        if output.status:
            raise Failed(*errors_of(output, {FILE: path}))
        try:
            return read_module(output.out, path)
        except TooDeep:
            hint = "Give inner parts a name of their own."
            raise Failed(Finding(path, 0, 0, "too_deep", _TOO_DEEP, hint)) from None

    async def parse_again(self, files: Files) -> list[Module]:
        """Modules that were parsed before, all at once and without places; raises :class:`OutOfBounds`."""
        texts = [{"name": path, "text": data.decode()} for path, data in files]
        with folder_of({"input.json": orjson.dumps(texts)}) as folder:
            arguments = ("eval", "--format", "raw", "--strict-builtin-errors", "--input", "input.json")
            output = await run(self.binary, (*arguments, _READ_AGAIN), folder, self.limits, _EVAL_ENDINGS)
        try:
            trees = read_tree(output.out)
        except TooDeep as error:
            raise OutOfBounds(str(error)) from None
        return [module_of(tree, path) for tree, (path, _) in zip(trees, files, strict=True)]

    async def check(
        self,
        files: Files,
        data: bytes,
        schema: str | None,
        capabilities: Capabilities,
        language: Language,
        strict: bool = True,
    ) -> tuple[Finding, ...]:
        """Compiles modules beside a root document: the findings, empty for none."""
        names = {f"loaded/{number}.rego": path for number, (path, _) in enumerate(files)}
        written = dict(zip(names, (text for _, text in files), strict=True))
        written |= {"loaded/data.json": data, "capabilities.json": capabilities.document}
        arguments = ["check", "--bundle", "--format", "json", *_in(language)]
        arguments += ["--strict"] if strict else []
        arguments += ["--capabilities", "capabilities.json"]
        if schema is not None:
            written[SCHEMA] = schema.encode()
            arguments += ["--schema", SCHEMA]
        with folder_of(written) as folder:
            output = await run(self.binary, (*arguments, "loaded"), folder, self.limits)
        return errors_of(output, names) if output.status else ()

    async def read_data(self, files: Mapping[str, str]) -> dict[str, object]:
        """What data files make together, each below the path of its folder. Raises :class:`Failed`."""
        with folder_of({f"files/{path}": text.encode() for path, text in files.items()}) as folder:
            arguments = ("eval", "--data", "files", "--format", "json", "data")
            output = await run(self.binary, arguments, folder, self.limits, _EVAL_ENDINGS)
        return await asyncio.to_thread(read_document, output.out, files)

    async def converted(self, data: bytes) -> bytes:
        """A module of the language's version 0 as one of version 1; raises :class:`OutOfBounds`."""
        with folder_of({FILE: data}) as folder:
            output = await run(self.binary, ("fmt", "--v0-v1", FILE), folder, self.limits, _EVAL_ENDINGS)
        if output.status:
            raise OutOfBounds(output.err[:200].decode(errors="replace"))
        return output.out


@contextmanager
def folder_of(files: Mapping[str, bytes]) -> Iterator[str]:
    """A temporary folder with these files, whose paths were checked before."""
    with tempfile.TemporaryDirectory(prefix="rego-check-") as folder:
        for path, data in files.items():
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        yield folder


def _in(language: Language) -> tuple[str, ...]:
    return ("--v0-compatible",) if language == "v0" else ()
