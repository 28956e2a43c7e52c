"""ASGI middleware: each request gets a correlation id, one log line and its metrics."""

import logging
import re
import time
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projections.api.metrics import Metrics

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_PROBES: Final = frozenset({"/live", "/ready", "/metrics"})

_log = logging.getLogger(__name__)


class Observed:
    """Wraps an app. The id is the trace id of a W3C ``traceparent``, else a new one.

    It is answered in ``X-Correlation-Id`` and kept in ``request.state.correlation_id``.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        correlation = state["correlation_id"] = _correlation(Headers(scope=scope))
        status = 500  # until an answer starts, and when none does
        started = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Correlation-Id"] = correlation
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            self._done(scope, status, time.perf_counter() - started)

    def _done(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", "unmatched")
        self._metrics.request(route, status, seconds)
        fields = {
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
            "correlation_id": scope["state"]["correlation_id"],
            "tenant": scope["state"].get("tenant", ""),
        }
        level = logging.DEBUG if route in _PROBES else logging.INFO
        _log.log(level, "request", extra={"fields": fields})


def _correlation(headers: Headers) -> str:
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return match["trace"] if match else uuid4().hex
