"""Whichever comes first: an answer that is heard, or one that is looked up.

A command that is sent again was perhaps decided before this client listened; the engine emits nothing
for a repeat, so that its outcome can only be looked up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from client.errors import ApiRefused, Unreachable
from client.outcome import Decided, Receipt

FIRST_LOOK_S: Final = 0.25
"""Wait before the first look-up, in seconds: a new command's answer is usually heard by then."""

LONGEST_PAUSE_S: Final = 2.0
"""Longest pause between two look-ups, in seconds."""

Heard = TypeVar("Heard")
Found = TypeVar("Found")


class Outcomes(Protocol):
    """Where outcomes can be looked up; :class:`client.api.ReadApi` is one."""

    async def decided(self, command_id: str, source: str) -> Decided | None:
        """The first event that answered a command; None while there is none."""

    async def receipt(self, decided: Decided) -> Receipt | None:
        """Where the wall holds an event; None while it does not."""


async def first_of(
    heard: asyncio.Future[Heard], look_up: Callable[[], Awaitable[Found | None]] | None
) -> Heard | Found:
    """What is heard, or what a look-up finds before that. A look-up that fails is tried again."""
    if look_up is None:
        return await heard
    pause = FIRST_LOOK_S
    while True:
        await asyncio.wait([heard], timeout=pause)
        if heard.done():
            return heard.result()
        try:
            found = await look_up()
        except (Unreachable, ApiRefused):
            found = None
        if found is not None:
            return found
        pause = min(pause * 2, LONGEST_PAUSE_S)
