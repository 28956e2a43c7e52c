"""Keeping the lead while something is done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from audit_sink.errors import LeaseLost
from audit_sink.wall import Lease

PING_S: Final = 1.0
"""Between two pings, in seconds; the server ends a lead's session after 4 s of silence."""


@asynccontextmanager
async def kept(lease: Lease, every_s: float = PING_S) -> AsyncIterator[Lease]:
    """Pings the lead, and releases it at the end."""
    pinging = asyncio.create_task(_ping(lease, every_s))
    try:
        yield lease
    finally:
        pinging.cancel()
        await asyncio.gather(pinging, return_exceptions=True)
        await lease.release()


async def _ping(lease: Lease, every_s: float) -> None:
    with suppress(LeaseLost):  # the lease itself tells that it is lost
        while True:
            await asyncio.sleep(every_s)
            await lease.ping()
