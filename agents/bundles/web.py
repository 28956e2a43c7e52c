"""The bundle service's HTTP side: OPA's bundle and status APIs, health and metrics.

aiohttp serves it, as it carries the requests to OPA: a held request costs one suspended coroutine.
"""

import re
from collections.abc import Callable
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError

from agents.bundles.distribution import Distribution

BUNDLE_TYPE: Final = "application/vnd.openpolicyagent.bundles"
"""Tells OPA that this service holds requests (long polling)."""

MAX_WAIT_S: Final = 60.0
"""Longest that a request is held, in seconds, whatever it asks for."""

MAX_STATUS_BYTES: Final = 1_048_576
"""Largest status report read, in bytes; real ones have a few kilobytes."""

_WAIT: Final = re.compile(r"(?:^|[;,])\s*wait\s*=\s*(\d{1,4})\s*(?:$|[;,])")


class Front:
    """The handlers; ``ready`` gives what is missing, empty for nothing."""

    def __init__(
        self, distribution: Distribution, registry: CollectorRegistry, ready: Callable[[], str]
    ) -> None:
        self._distribution = distribution
        self._registry = registry
        self._ready = ready

    async def bundle(self, request: web.Request) -> web.Response:
        """OPA's bundle service API: 200, 304 after the wait, 503 before the database was read."""
        etag = request.headers.get("If-None-Match", "")
        wait_s = wait_of(request.headers.get("Prefer", ""))
        try:
            download = await self._distribution.bundle(request.match_info["name"], etag, wait_s)
        except KeyError:
            raise web.HTTPNotFound(text="no such OPA process\n") from None
        if download is not None:
            headers = {"ETag": download.offer.etag, "Content-Type": BUNDLE_TYPE}
            return web.Response(body=download.data, headers=headers)
        if not etag:
            raise web.HTTPServiceUnavailable(text="no bundle yet\n", headers={"Retry-After": "1"})
        return web.Response(status=304, headers={"ETag": etag, "Content-Type": BUNDLE_TYPE})

    async def status(self, request: web.Request) -> web.Response:
        """OPA's status service API."""
        try:
            self._distribution.report(request.match_info["name"], await request.read())
        except KeyError:
            raise web.HTTPNotFound(text="no such OPA process\n") from None
        except ValidationError as error:
            raise web.HTTPBadRequest(text=f"no status report: {error.error_count()} error(s)\n") from None
        return web.Response()

    async def live(self, _: web.Request) -> web.Response:
        """200 while the process runs."""
        return web.Response(text="live\n")

    async def ready(self, _: web.Request) -> web.Response:
        """200, or 503 with what is missing."""
        missing = self._ready()
        return web.Response(status=503 if missing else 200, text=f"{missing or 'ready'}\n")

    async def metrics(self, _: web.Request) -> web.Response:
        """Prometheus text format."""
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application(client_max_size=MAX_STATUS_BYTES)
        application.add_routes(
            [
                web.get("/bundles/{name}", self.bundle),
                web.post("/status/{name}", self.status),
                web.get("/live", self.live),
                web.get("/ready", self.ready),
                web.get("/metrics", self.metrics),
            ]
        )
        return application


def wait_of(prefer: str) -> float:
    """The seconds of ``wait=`` in a Prefer header (RFC 7240), bounded; 0 without one."""
    found = _WAIT.search(prefer)
    return min(float(found[1]), MAX_WAIT_S) if found else 0.0
