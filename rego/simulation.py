"""What a module decides on given inputs, without loading it into the engine (``opa eval``)."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from rego.binary import BinaryLimits, OutOfBounds, run

ENDINGS: Final = frozenset({0, 1, 2})
"""Exit statuses of ``opa eval``: 2 where the query itself failed."""

PIECE: Final = 2_000
"""Inputs evaluated at once: some MB of JSON."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer. ``allow`` is None where the module has no decision; ``reasons`` then say why."""

    allow: bool | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Simulation:
    """A module as OPA would load it, in its package (:func:`rego.rewrite.loaded_package`)."""

    binary: str
    module: str
    package: tuple[str, str, str, str]
    limits: BinaryLimits

    async def judge(self, inputs: Sequence[bytes]) -> list[Judged]:
        """The answers on JSON documents, in order.

        An input on which the evaluation fails, or runs into the limits, costs no other input its answer.
        Raises :class:`rego.CheckUnavailable`.
        """
        found: list[Judged] = []
        for start in range(0, len(inputs), PIECE):
            found += await self._split(inputs[start : start + PIECE])
        return found

    async def _split(self, inputs: Sequence[bytes]) -> list[Judged]:
        try:
            return await self._together(inputs)
        except (OutOfBounds, _Failed) as error:
            if len(inputs) == 1:
                return [Judged(None, (str(error),))]
        middle = len(inputs) // 2
        return await self._split(inputs[:middle]) + await self._split(inputs[middle:])

    async def _together(self, inputs: Sequence[bytes]) -> list[Judged]:
        path = "data" + "".join(f"[{json.dumps(part)}]" for part in self.package)
        query = f"{{i: d | some i, q in data.simulated; d := {path}.decision with input as q}}"
        with tempfile.TemporaryDirectory(prefix="rego-simulate-") as folder:
            arguments = ("eval", "--format", "json", *self._written(folder, inputs), query)
            ended = await run(self.binary, arguments, folder, self.limits, ENDINGS)
        answer = orjson.loads(ended.out)
        if "result" not in answer:
            said = "; ".join(str(each.get("message")) for each in answer.get("errors", ()))
            raise _Failed(said or "no result")
        decided = answer["result"][0]["expressions"][0]["value"]
        return [_read(decided.get(str(place))) for place in range(len(inputs))]

    def _written(self, folder: str, inputs: Sequence[bytes]) -> tuple[str, ...]:
        Path(folder, "module.rego").write_text(self.module, encoding="utf-8")
        Path(folder, "inputs.json").write_bytes(b'{"simulated":[' + b",".join(inputs) + b"]}")
        return "-d", "module.rego", "-d", "inputs.json"


class _Failed(Exception):
    """The query failed as a whole."""


def _read(document: object) -> Judged:
    if document is None:
        return Judged(None, ("undefined",))
    allow = document.get("allow") if isinstance(document, dict) else document
    if not isinstance(allow, bool):
        return Judged(None, ("the decision document has no boolean allow",))
    violations = document.get("violations", []) if isinstance(document, dict) else []
    texts = violations if isinstance(violations, list) else [violations]
    return Judged(allow, tuple(v if isinstance(v, str) else orjson.dumps(v).decode() for v in texts))
