"""An event loop with a clock of its own: waiting costs no time, and coming to rest can be seen."""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any, Final

MAX_BUSY: Final = 50_000
"""Turns of the loop without any waiting after which it runs in circles."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs until nothing is left to do before a moment; then the moment has come."""

    def __init__(self) -> None:
        self._selector_of_tests = _Selector(self)
        super().__init__(self._selector_of_tests)
        self.now = 0.0
        self.until = 0.0
        self.resting: asyncio.Future[None] | None = None

    def time(self) -> float:
        return self.now

    def advance(self, seconds: float = 0.0) -> None:
        """Runs everything that happens in the next ``seconds``."""
        self.until = self.now + seconds
        self.resting = self.create_future()
        self.run_until_complete(self.resting)
        self.resting = None

    def rest(self, timeout: float | None) -> None:
        """Nothing is ready: on to the next timer, or the moment has come."""
        if timeout is not None and self.now + timeout <= self.until:
            self.now += timeout
            return
        if self.resting is None or self.resting.done():
            raise RuntimeError("nothing will ever happen any more")
        self.now = self.until
        self.resting.set_result(None)


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        self._busy = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._busy += 1
        if timeout is None or timeout > 0:
            self._busy = 0
            self._loop.rest(timeout)
        if self._busy > MAX_BUSY:
            raise RuntimeError("it runs in circles")
        return []


def silent(loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Exception handler of loops whose tasks are killed on purpose."""
