"""What commands share: options, connections, and a sign of life when something takes long."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from client.api import ReadApi
from client.bucket import Bucket
from client.cli.output import aside
from client.cli.settings import Settings
from client.command import Sender
from client.governance import GovernanceClient
from client.kafka import KafkaTransport
from schemas.confluent import ConfluentRegistry

T = TypeVar("T")

QUIET_S: Final = 2.0
"""Seconds without an answer after which a spinner appears."""

TenantOption = Annotated[
    str | None, typer.Option("--tenant", help="Tenant; else AUMOS_GOVERNANCE_TENANT.", show_default=False)
]
ActorOption = Annotated[
    str | None, typer.Option("--actor", help="Who wants it; else AUMOS_GOVERNANCE_ACTOR.", show_default=False)
]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.001, help="Seconds to wait for the answer.")]
CommandIdOption = Annotated[
    str | None,
    typer.Option("--command-id", help="Id of a command that may have been sent before.", show_default=False),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Rows at most.")]


def run(call: Coroutine[Any, Any, T], waiting_for: str) -> T:
    """Runs a command's asynchronous half; after two seconds a terminal sees what it waits for."""
    return asyncio.run(_watched(call, waiting_for))


@asynccontextmanager
async def asking(
    found: Settings, sender: Sender, bucket: Bucket | None = None
) -> AsyncIterator[GovernanceClient]:
    """A client in the caller's name, with a ``bucket`` for evidence.

    Where the read API is configured, repeated commands are looked up.
    """
    registry = ConfluentRegistry(found.schema_registry_url) if found.schema_registry_url else None
    async with reading_where_configured(found, sender.tenant) as outcomes:
        connection = GovernanceClient.over(KafkaTransport(found.broker()), sender, outcomes, registry, bucket)
        async with connection as client:
            yield client


@asynccontextmanager
async def reading(found: Settings, tenant: str | None) -> AsyncIterator[ReadApi]:
    """The read API in the caller's name."""
    async with ReadApi.connect(found.api(), lambda: found.bearer(tenant)) as api:
        yield api


@asynccontextmanager
async def reading_where_configured(found: Settings, tenant: str | None) -> AsyncIterator[ReadApi | None]:
    """The read API in the caller's name, None where address or token is missing."""
    if found.api_url is None or (found.token is None and found.token_key is None):
        yield None
        return
    async with reading(found, tenant) as api:
        yield api


@asynccontextmanager
async def counting(total: int | None, what: str) -> AsyncIterator[Callable[[int], None]]:
    """A function to call with how much is done; after two seconds a terminal sees a progress bar.

    ``total`` is None where nobody knows it.
    """
    console = aside()
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    )
    task = bar.add_task(what, total=total)

    async def show() -> None:
        await asyncio.sleep(QUIET_S)
        bar.start()

    def done(count: int) -> None:
        bar.update(task, completed=count)

    showing = asyncio.create_task(show()) if console.is_terminal else None
    try:
        yield done
    finally:
        if showing is not None:
            showing.cancel()
            await asyncio.wait([showing])
        bar.stop()


async def _watched(call: Awaitable[T], waiting_for: str) -> T:
    task = asyncio.ensure_future(call)
    console = aside()
    await asyncio.wait([task], timeout=QUIET_S)
    if task.done() or not console.is_terminal:
        return await task
    with console.status(f"{waiting_for} …"):
        return await task
