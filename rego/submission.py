"""Whether a submitted source may become a version: within bounds, examined, remembered."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import orjson

from rego import CheckUnavailable
from rego.binary import BinaryLimits
from rego.examining import Candidate, Examiner, ExaminerHere
from rego.findings import Accepted, Finding, Refused
from rego.loaded import loaded_package
from rego.opa import Opa
from rego.source import PolicySource, out_of_bounds

__all__ = ["Accepted", "CheckUnavailable", "Checker", "Finding", "Refused"]

CACHED: Final = 256
"""Results kept, so that deciding a batch again does not check again; at most some 200 MB."""

AT_ONCE: Final = 2
"""Checks at the same time: the cores of a small machine."""

_Key = tuple[str, str, int, bytes]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a version must keep to when it runs."""

    timeout_ms: int = 200
    """Its evaluation deadline."""
    minimum_coverage: int = 0
    """Least share of its lines, in percent, that its tests run."""
    recorded: Callable[[], Awaitable[Sequence[bytes]]] | None = None
    """Reads inputs (JSON) that its policy decided on."""


NO_TERMS: Final = Terms()


class Checker:
    """Checks submitted sources with one OPA binary (a name on PATH, or a path) in this process, or with an
    examiner that works elsewhere."""

    def __init__(self, opa: str | Examiner, limits: BinaryLimits | None = None) -> None:
        self._examiner = ExaminerHere(Opa(opa, limits or BinaryLimits())) if isinstance(opa, str) else opa
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._known: OrderedDict[_Key, Accepted | Refused] = OrderedDict()

    async def check(
        self,
        tenant: str,
        policy_id: str,
        version: int,
        source: PolicySource | str,
        terms: Terms = NO_TERMS,
    ) -> Accepted | Refused:
        """Whether a source may become this version; a text is a policy of one module.

        What was found is remembered; ``terms.recorded`` is not read again.
        Raises :class:`rego.CheckUnavailable` when nothing can be said.
        """
        if isinstance(source, str):
            source = PolicySource(source)
        if findings := out_of_bounds(source):
            return Refused(findings)
        key = (tenant, policy_id, version, _digest(source, terms))
        if (known := self._known.get(key)) is not None:
            self._known.move_to_end(key)
            return known
        place = loaded_package(tenant, policy_id, version)
        async with self._slots:
            recorded = await terms.recorded() if terms.recorded else ()
            candidate = Candidate(source, place, terms.timeout_ms, terms.minimum_coverage, recorded)
            result = await self._examiner.examine(candidate)
        if not _ended(result):
            self._known[key] = result
            if len(self._known) > CACHED:
                self._known.popitem(last=False)
        return result


def _ended(result: Accepted | Refused) -> bool:
    """Whether a limit ended the examination; a busy machine may be the reason."""
    return isinstance(result, Refused) and any(each.rule == "resource_limit" for each in result.findings)


def _digest(source: PolicySource, terms: Terms) -> bytes:
    what = [source.entry, source.files, source.language, terms.timeout_ms, terms.minimum_coverage]
    return sha256(orjson.dumps(what)).digest()
