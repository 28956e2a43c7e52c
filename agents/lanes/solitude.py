"""Work of many pipelines side by side, or one suspect alone in the whole process.

A command is quarantined because the process died while it was the only one under way. So nothing
else may run in the meantime, or an innocent command is blamed for what its neighbour did.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Solitude:
    """Shared by all pipelines of a process. Do not enter it twice in one task."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._together = 0
        self._wanted = 0
        """Who is alone, and who waits to be: newcomers let them pass."""
        self._alone = False

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Beside others, once nobody is or wants to be alone."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._wanted)
            self._together += 1
        try:
            yield
        finally:
            self._together -= 1
            await self._tell()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """With nobody beside."""
        self._wanted += 1
        entered = False
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._together and not self._alone)
                self._alone = entered = True
            yield
        finally:
            self._wanted -= 1
            if entered:
                self._alone = False
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
