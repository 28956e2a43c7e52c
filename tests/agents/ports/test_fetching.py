"""How the worker's consumer, which Faust makes, fetches."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

import devstack

pytestmark = pytest.mark.stack

PROGRAM = """\
import asyncio
from agents.app import FETCH_WAIT_MS, FetchThread, app

async def main():
    consumer = FetchThread(app.consumer)._create_worker_consumer(app.transport)
    await consumer.start()
    waits = consumer._fetcher._fetch_max_wait_ms
    await consumer.stop()
    print(waits == FETCH_WAIT_MS, type(app.consumer._new_consumer_thread()) is FetchThread)

asyncio.run(main())
"""
"""Internals of Faust's and aiokafka's: a release that renames one must not undo this in silence."""


async def test_an_idle_lane_holds_a_fetch_only_as_long_as_we_say(stack: devstack.Stack) -> None:
    environment = {"PATH": os.environ["PATH"], **stack.environment("worker")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        cwd=Path(__file__).parents[3],
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await process.communicate()
    assert said == b"True True\n", errors.decode()
