"""`python -m bench.loading COUNT`: fills a wall by the sink's own appender and says what memory it took.

Runs as a process of its own, so that nothing but the appender and its input counts. The writer's DSN is in
BENCH_WALL_DSN. Prints a JSON object after each poll.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Final

import psutil  # type: ignore[import-untyped]
import uvloop
from prometheus_client import CollectorRegistry

from audit_sink.appender import append_polls, share_interpreter
from audit_sink.log import Poll
from audit_sink.postgres import PostgresWall
from audit_sink.telemetry import Telemetry
from bench.settings import WALL_ROW_BYTES
from bench.wall_events import polls

ROWS: Final = 4_096
"""Rows of one transaction: the sink's own bound."""


def _told(count: int) -> Iterator[Poll]:
    process = psutil.Process()
    for number, poll in enumerate(polls(-(-count // ROWS), ROWS, "r" * (WALL_ROW_BYTES // 4)), 1):
        yield poll
        rss = process.memory_info().rss / 2**20
        print(json.dumps({"entries": number * ROWS, "rss_mb": round(rss, 1)}), flush=True)


async def _load(count: int) -> None:
    share_interpreter()
    async with PostgresWall(os.environ["BENCH_WALL_DSN"], 5) as wall:
        if await wall.try_lead() is None:
            raise SystemExit("another sink writes to the bench's wall")
        await append_polls(wall, _told(count), Telemetry(CollectorRegistry()))


if __name__ == "__main__":
    uvloop.run(_load(int(sys.argv[1])))
