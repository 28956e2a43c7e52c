"""Whether what the API needs is up, asked truly and at most once a second."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

KEPT_S: Final = 1.0
"""How long one round of checks is the answer: the path needs no token, and must not load others."""

State = Literal["up", "down", "not_configured"]
Check = Callable[[], Awaitable[None]]


class Down(Exception):
    """A dependency does not answer as it should; the text is shown, so it names no address."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What one check found."""

    state: State
    detail: str = ""


class Readiness:
    """The checks of one process. A check raises :class:`Down`; None stands for one not configured."""

    def __init__(self, checks: Mapping[str, Check | None], timeout_s: float) -> None:
        self._checks = dict(checks)
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._found: dict[str, Condition] = {}
        self._asked: float | None = None

    async def conditions(self) -> Mapping[str, Condition]:
        """The condition of every dependency, at most ``KEPT_S`` old."""
        async with self._turn:
            if self._asked is None or time.monotonic() - self._asked > KEPT_S:
                found = await asyncio.gather(*(self._ask(check) for check in self._checks.values()))
                self._found = dict(zip(self._checks, found, strict=True))
                self._asked = time.monotonic()
            return self._found

    async def _ask(self, check: Check | None) -> Condition:
        if check is None:
            return Condition("not_configured")
        try:
            async with asyncio.timeout(self._timeout_s):
                await check()
        except Down as error:
            return Condition("down", str(error))
        except TimeoutError:
            return Condition("down", f"no answer within {self._timeout_s:g} s")
        return Condition("up")


def ready(conditions: Mapping[str, Condition]) -> bool:
    """Whether nothing is down."""
    return all(condition.state != "down" for condition in conditions.values())
