"""Servers and connections of a test on 127.0.0.1, none of which outlives its ``async with``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from socket import create_server, socket

from aiohttp import web

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Has one connection, which is closed when it returns."""


@asynccontextmanager
async def listening(answer: Answer, port: int = 0) -> AsyncIterator[int]:
    """A server, by its port; 0 takes a free one.

    In the end every answer that is not ready is cancelled, and every connection is gone.
    A peer that left early (:exc:`EOFError`, :exc:`OSError`) is no fault; whatever else an answer raises
    is raised then, as an :exc:`ExceptionGroup`.
    """
    loop = asyncio.get_running_loop()
    answers: list[asyncio.Task[None]] = []

    async def serve(accepted: socket) -> None:
        with suppress(EOFError, OSError):
            async with connected(accepted=accepted) as (reader, writer):
                await answer(reader, writer)

    # asyncio.start_server loses a connection that it accepted in the round in which it is closed.
    with create_server(("127.0.0.1", port)) as listener:
        listener.setblocking(False)
        loop.add_reader(listener, lambda: answers.append(loop.create_task(serve(listener.accept()[0]))))
        try:
            yield listener.getsockname()[1]
        finally:
            loop.remove_reader(listener)
            listener.close()
            await asyncio.sleep(0)  # a task that is cancelled before it begins closes nothing
            for each in answers:
                each.cancel()
            ended = await asyncio.gather(*answers, return_exceptions=True)
            if faults := [each for each in ended if isinstance(each, Exception)]:
                raise ExceptionGroup("answers failed", faults)


@asynccontextmanager
async def serving(application: web.Application, port: int = 0) -> AsyncIterator[int]:
    """An HTTP server, by its port; 0 takes a free one. In the end a request under way has 0.1 s."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    with create_server(("127.0.0.1", port)) as listener:
        try:
            await web.SockSite(runner, listener).start()
            yield listener.getsockname()[1]
        finally:
            # asyncio loses a connection that it accepted in the round in which its server is closed.
            asyncio.get_running_loop().remove_reader(listener)
            await asyncio.sleep(0)
            await runner.cleanup()


@asynccontextmanager
async def connected(
    host: str | None = None, port: int | None = None, accepted: socket | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to ``host:port``, or one that was accepted.

    What was written is sent before it closes, unless the block raises or is cancelled.
    """
    reader, writer = await asyncio.open_connection(host, port, sock=accepted)
    try:
        yield reader, writer
        writer.close()
        with suppress(OSError):
            # Unshielded, a cancelled wait would be the end of every later one.
            await asyncio.shield(writer.wait_closed())
    finally:
        if writer.get_extra_info("socket").fileno() >= 0:  # a transport that is gone cannot be aborted
            writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
