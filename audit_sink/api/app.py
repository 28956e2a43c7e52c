"""The wiring of the read endpoint."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from audit_sink.api.callers import Parts, PartsOf
from audit_sink.api.exports import router as exports
from audit_sink.api.models import Live, Ready
from audit_sink.api.observed import Observed
from audit_sink.api.postgres import opened
from audit_sink.api.proofs import router as proofs
from audit_sink.api.routes import router
from audit_sink.api.settings import ApiSettings
from audit_sink.api.tlog import router as tlog
from audit_sink.api.trail import TrailUnavailable
from audit_sink.ledger.prover import TileProver
from projections.problems import answer, install, unavailable
from projections.tokens import TokenSettings, verifier

VERSION: Final = "1.0.0"
"""Of the HTTP surface."""

_log = logging.getLogger(__name__)


def create_app(settings: ApiSettings, tokens: TokenSettings) -> FastAPI:
    """The app; nothing is opened before its lifespan starts."""
    registry = CollectorRegistry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened(settings) as trail:
            app.state.parts = Parts(verifier(tokens), trail, TileProver(trail.tiles))
            yield

    app = FastAPI(
        title="Audit Wall: read endpoint",
        version=VERSION,
        description="Entries of the Audit Wall. It only reads; a tenant sees its own entries only.",
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(Observed, registry=registry)
    app.include_router(router)
    app.include_router(proofs)
    app.include_router(exports)
    app.include_router(tlog)
    app.include_router(_health(registry))
    install(app)
    app.add_exception_handler(TrailUnavailable, _on_unavailable)
    return app


def _health(registry: CollectorRegistry) -> APIRouter:
    health = APIRouter(tags=["health"])

    @health.get("/live", operation_id="live")
    async def live() -> Live:
        """The process answers."""
        return Live(live=True)

    @health.get("/ready", operation_id="ready", responses={503: {"model": Ready}})
    async def ready(parts: PartsOf, response: Response) -> Ready:
        """Whether entries can be read."""
        try:
            await parts.trail.check()
        except TrailUnavailable as error:
            response.status_code = 503
            return Ready(ready=False, detail=str(error))
        return Ready(ready=True)

    @health.get("/metrics", response_class=Response, operation_id="metrics")
    async def metrics() -> Response:
        """Metrics in the Prometheus text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return health


async def _on_unavailable(request: Request, error: Exception) -> Response:
    _log.warning("the database does not answer", extra={"reason": str(error)})
    return answer(request, unavailable("audit_database", "The audit database does not answer."))
