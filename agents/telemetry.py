"""The worker's metrics, and the endpoint that serves them with liveness and readiness.

Labels are bounded: families, outcomes and stages, never tenants or policies.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

EVENTS: Final = Counter("governance_events_total", "Events committed.", ["type"])
BATCH_SIZE: Final = Histogram("governance_batch_records", "Records a batch.", ["family"], buckets=_SIZES)
STAGE: Final = Histogram(
    "governance_stage_seconds", "Time a stage takes.", ["family", "stage"], buckets=_SECONDS
)
LAG: Final = Gauge(
    "governance_lane_lag_records", "Command partition end minus next offset.", ["topic", "partition"]
)
RETRIES: Final = Counter("governance_retries_total", "Repeated work.", ["family", "cause"])

Check = Callable[[], Mapping[str, str | None]]
"""Names what readiness depends on; the value says what is wrong, or None."""


@contextmanager
def stage(family: str, name: str) -> Iterator[None]:
    """Times one stage of one batch."""
    started = time.perf_counter()
    try:
        yield
    finally:
        STAGE.labels(family, name).observe(time.perf_counter() - started)


async def serve(listen: str, ready: Check) -> web.AppRunner:
    """Serves ``/live``, ``/ready`` and ``/metrics`` on ``host:port`` until the runner is cleaned up."""

    async def live(request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def readiness(request: web.Request) -> web.Response:
        problems = {name: problem for name, problem in ready().items() if problem}
        state = {"status": "waiting" if problems else "ready", "problems": problems}
        return web.json_response(state, status=503 if problems else 200)

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes(
        [web.get("/live", live), web.get("/ready", readiness), web.get("/metrics", metrics)]
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, _, port = listen.rpartition(":")
    await web.TCPSite(runner, host, int(port)).start()
    return runner
