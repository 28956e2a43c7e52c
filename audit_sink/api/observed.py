"""ASGI middleware: each request gets a correlation id, one log line and its metrics."""

import logging
import re
import time
from typing import Final
from uuid import uuid4

from prometheus_client import CollectorRegistry, Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_PROBES: Final = frozenset({"/live", "/ready", "/metrics"})

_log = logging.getLogger(__name__)


class Observed:
    """Wraps an app; the id is the trace id of a W3C ``traceparent``, else a new one."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._seconds = Histogram(
            "audit_sink_api_request_seconds",
            "Time from request to the end of its answer, by route template and status.",
            ("route", "status"),
            buckets=SECONDS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        match = _TRACEPARENT.fullmatch(Headers(scope=scope).get("traceparent", ""))
        scope.setdefault("state", {})["correlation_id"] = match["trace"] if match else uuid4().hex
        status = 500  # until an answer starts, and when none does
        started = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            self._done(scope, status, time.perf_counter() - started)

    def _done(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", "unmatched")
        self._seconds.labels(route, str(status)).observe(seconds)
        level = logging.DEBUG if route in _PROBES else logging.INFO
        details = {"route": route, "status": status, "ms": round(seconds * 1000, 2)}
        _log.log(level, "request", extra={**details, "correlation_id": scope["state"]["correlation_id"]})
