"""No connection of a test's server outlives it, however far either side has come."""

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from socket import create_connection

import pytest
from aiohttp import web

from tests.loopback import Answer, connected, listening, serving
from tests.tcp_proxy import proxied

ROUNDS = range(8)
"""Rounds of the event loop between a client's last step and the server's end: past the last that matters."""


def unclosed(scene: Callable[[], Awaitable[None]]) -> list[str]:
    """What a loop that ran it leaves behind."""

    async def run() -> None:
        await scene()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    gc.freeze()  # what others left is not looked at, which takes long
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asyncio.run(run())
            gc.collect()
    finally:
        gc.unfreeze()
    return [str(each.message) for each in caught]


async def reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def hanging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def flooding(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Returns with more written than the sockets take."""
    writer.write(bytes(1 << 24))


@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.parametrize("through_a_proxy", [False, True])
@pytest.mark.parametrize("answer", [reading, hanging, flooding])
def test_no_connection_outlives_its_server(answer: Answer, through_a_proxy: bool, leaves: bool) -> None:
    async def scene() -> None:
        for rounds in ROUNDS:
            async with AsyncExitStack() as opened:
                port = await opened.enter_async_context(listening(answer))
                if through_a_proxy:
                    port = (await opened.enter_async_context(proxied("127.0.0.1", port))).port
                client = opened.enter_context(create_connection(("127.0.0.1", port)))
                if leaves:
                    client.close()
                for _ in range(rounds):
                    await asyncio.sleep(0)

    assert unclosed(scene) == []


@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_no_connection_outlives_its_application(sent: bytes, leaves: bool) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.02)
        return web.Response()

    async def scene() -> None:
        for rounds in ROUNDS:
            application = web.Application()
            application.router.add_get("/", slow)
            async with serving(application) as port:
                with create_connection(("127.0.0.1", port)) as client:
                    client.sendall(sent)
                    if leaves:
                        client.close()
                    for _ in range(rounds):
                        await asyncio.sleep(0)

    assert unclosed(scene) == []


async def test_what_was_written_is_sent_and_then_the_connection_ends() -> None:
    async with (
        listening(flooding) as port,
        proxied("127.0.0.1", port) as proxy,
        connected("127.0.0.1", proxy.port) as (reader, _),
    ):
        assert await reader.read() == bytes(1 << 24)


@pytest.mark.parametrize("fault", [None, LookupError])
async def test_a_connection_is_gone_when_its_block_fails_or_its_closing_is_cancelled(
    fault: type[Exception] | None,
) -> None:
    left: list[asyncio.StreamWriter] = []

    async def scene(port: int) -> None:
        async with asyncio.timeout(0.1), connected("127.0.0.1", port) as (reader, writer):
            left.append(writer)
            await flooding(reader, writer)
            if fault:
                raise fault

    async with listening(hanging) as port:
        with pytest.raises(fault or TimeoutError):
            await scene(port)
        assert left[0].get_extra_info("socket").fileno() == -1


async def test_a_proxy_that_is_cut_ends_its_connections_and_listens_again_when_mended() -> None:
    async with listening(flooding) as port, proxied("127.0.0.1", port) as proxy:
        for _ in range(2):
            with create_connection(("127.0.0.1", proxy.port)) as client:
                client.setblocking(False)
                loop = asyncio.get_running_loop()
                assert await loop.sock_recv(client, 1)
                await proxy.cut()
                with pytest.raises(ConnectionRefusedError):
                    create_connection(("127.0.0.1", proxy.port))
                while await loop.sock_recv(client, 1 << 20):
                    pass
            await proxy.mend()


async def test_a_fault_of_an_answer_is_raised_in_the_end() -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise LookupError("no such thing")

    async def scene() -> None:
        async with listening(broken) as port, connected("127.0.0.1", port) as (reader, _):
            assert await reader.read() == b""

    with pytest.raises(ExceptionGroup) as raised:
        await scene()
    assert raised.group_contains(LookupError, match="no such thing")
