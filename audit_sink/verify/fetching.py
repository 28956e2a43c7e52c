"""Chunks of a log in their order: some are read ahead, in other processes where that pays."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

from audit_sink.ledger.tiles import WIDTH, Bundle, Tile
from audit_sink.verify.chunk import Chunk, read_chunk
from audit_sink.verify.sources import Files, Folder, tile_or_wider

CHUNK: Final = 32 * WIDTH
"""Entries read at once: some 7 MB."""
SMALL: Final = 8 * CHUNK
"""Up to here other processes cost more than they save."""
MAX_JOBS: Final = 64
JOBS: Final = min(os.cpu_count() or 1, 8)
"""One a core; beyond eight, what stays in one process (tenants' trees, a bucket's files) takes longest."""
FETCHED_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Fetched:
    """A chunk, and the stored tiles over its bundles (None: not there)."""

    chunk: Chunk
    tiles: Sequence[bytes | None]
    end: int
    """Where the chunk should end."""


async def chunks(files: Files, start: int, size: int, jobs: int) -> AsyncGenerator[Fetched]:
    """The chunks from entry ``start``, the first of a bundle, up to ``size``; by up to ``jobs`` processes."""
    jobs = jobs if size - start > SMALL else 1
    pool = _pool(jobs) if jobs > 1 else None
    waiting: deque[asyncio.Task[Fetched]] = deque()
    room = asyncio.Semaphore(FETCHED_AT_ONCE)
    try:
        for first in range(start, size, CHUNK):
            end = min(first + CHUNK, size)
            waiting.append(asyncio.create_task(_fetch(files, first, end, room, pool)))
            if len(waiting) > jobs:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _pool(jobs: int) -> ProcessPoolExecutor:
    """Processes that are forked from one that has imported what they need."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return ProcessPoolExecutor(jobs, context)


async def _fetch(
    files: Files, first: int, end: int, room: asyncio.Semaphore, pool: ProcessPoolExecutor | None
) -> Fetched:
    loop = asyncio.get_running_loop()
    if isinstance(files, Folder):
        if pool is None:
            return _read_folder(files, first, end)
        # Read where it is checked: to send it there would cost as much as to hash it.
        return await loop.run_in_executor(pool, _read_folder, files, first, end)

    async def get(tile: Tile | Bundle) -> bytes | None:
        async with room:
            return await tile_or_wider(files, tile)

    places = _places(first, end)
    found = await asyncio.gather(
        *(get(Bundle(*each)) for each in places), *(get(Tile(0, *each)) for each in places)
    )
    bundles, tiles = found[: len(places)], found[len(places) :]
    if pool is None:
        chunk = read_chunk(first, end, bundles)
    else:
        chunk = await loop.run_in_executor(pool, read_chunk, first, end, bundles)
    return Fetched(chunk, tiles, end)


def _read_folder(folder: Folder, first: int, end: int) -> Fetched:
    places = _places(first, end)
    # One bundle after the other: memory for all of them at once would cost more than to read them.
    chunk = read_chunk(first, end, (folder.read_or_wider(Bundle(*each)) for each in places))
    return Fetched(chunk, [folder.read_or_wider(Tile(0, *each)) for each in places], end)


def _places(first: int, end: int) -> Sequence[tuple[int, int]]:
    """Place and width of each bundle of entries ``first`` to ``end - 1``, and of the tile over it."""
    return [(start // WIDTH, min(WIDTH, end - start)) for start in range(first, end, WIDTH)]
