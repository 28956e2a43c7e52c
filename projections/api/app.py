"""The wiring of the read API: the one place where its parts meet."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx
from fastapi import FastAPI, Request, Response
from starlette.middleware.gzip import GZipMiddleware

from projections.api.catalogues import catalogues
from projections.api.freshness import LaneHeads
from projections.api.kafka import KafkaReceipts
from projections.api.metrics import Metrics
from projections.api.observed import Observed
from projections.api.opa import OpaHealth
from projections.api.parts import Parts
from projections.api.postgres import opened
from projections.api.readiness import Check, Down, Readiness
from projections.api.routes import (
    audit_proofs,
    audit_trail,
    commands,
    coverage,
    dashboard,
    decision_points,
    decisions,
    evidence,
    explanations,
    flips,
    health,
    policies,
    policy_lists,
    policy_replays,
    regulations,
    stats,
    workflows,
)
from projections.api.session import Database, DatabaseUnavailable
from projections.api.settings import Settings
from projections.api.sink import SinkEntries
from projections.problems import answer, install, unavailable
from projections.tokens import TokenSettings, verifier
from rego.explaining import Explainer
from schemas.topics import topics

VERSION: Final = "1.0.0"
"""Of the HTTP surface, not of the engine."""

RECEIPTS: Final = "governance.audit.receipts.v1"

GZIP_FROM_BYTES: Final = 1024
"""Shorter answers fit a packet as they are."""

GZIP_LEVEL: Final = 4
"""JSON lists shrink about eight times at any level; higher ones cost the event loop more."""

_DESCRIPTION: Final = """\
What the governance engine knows: commands and what became of them, policies and their versions,
decisions, regulations, compliance workflows, evidence, and the audit trail. It only reads; everything
that changes something is a command on Kafka.

Lists are newest first, with `limit` and the opaque `cursor` of their `next` link. Every resource has a
`freshness` block: its version, last event, that event's place in its lane, and whether the audit wall
holds it. Errors are problem documents (RFC 9457). A tenant sees its own data only; another tenant's id
is answered like one that never was.
"""

_log = logging.getLogger(__name__)


def create_app(settings: Settings, tokens: TokenSettings, receipts_topic: str = RECEIPTS) -> FastAPI:
    """The app; nothing is opened before its lifespan starts."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, tokens, receipts_topic, metrics) as parts:
            app.state.parts = parts
            yield

    app = FastAPI(
        title="Governance engine: read API",
        version=VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=GZIP_LEVEL)
    app.add_middleware(Observed, metrics=metrics)
    for module in (
        health,
        commands,
        policies,
        policy_lists,
        policy_replays,
        flips,
        stats,  # before decisions: their paths would be taken for a decision's id
        coverage,
        decisions,
        decision_points,
        explanations,
        workflows,
        dashboard,
        evidence,
        regulations,
        audit_proofs,
        audit_trail,
    ):
        app.include_router(module.router)
    install(app)
    app.add_exception_handler(DatabaseUnavailable, _on_database_unavailable)
    return app


@asynccontextmanager
async def running(
    settings: Settings, tokens: TokenSettings, receipts_topic: str, metrics: Metrics
) -> AsyncIterator[Parts]:
    """The parts of a process, closed at the end."""
    probe_s = settings.probe_timeout_ms / 1000
    heads = LaneHeads.of(topics())
    receipts = KafkaReceipts(settings.kafka, receipts_topic, topics().receipts.partitions, heads, metrics)
    async with (
        opened(settings) as database,
        # The neighbours of one deployment: never through a proxy.
        httpx.AsyncClient(timeout=probe_s, trust_env=False) as probing,
        httpx.AsyncClient(timeout=settings.sink_timeout_ms / 1000, trust_env=False) as asking,
        _reading(receipts) as reader,
    ):
        sink = SinkEntries(asking, settings.sink_url) if settings.sink_url else None
        checks: dict[str, Check | None] = {
            "database": _database_check(database),
            "kafka": receipts.check,
            "opa": OpaHealth(probing, settings.opas).check,
            "sink": sink.check if sink else None,
        }
        readiness = Readiness(checks, probe_s)
        yield Parts(
            verifier(tokens),
            database,
            heads,
            sink,
            readiness,
            metrics,
            catalogues(),
            Explainer(settings.opa_binary),
            reader,
        )


@asynccontextmanager
async def _reading(receipts: KafkaReceipts) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(receipts.run(), name="receipts")
    task.add_done_callback(_ended)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def _ended(task: "asyncio.Task[None]") -> None:
    """``/live`` fails from here on, unless this is the shutdown."""
    if not task.cancelled():
        _log.critical("receipts are no longer read", exc_info=task.exception())


def _database_check(database: Database) -> Check:
    async def check() -> None:
        try:
            await database.check()
        except DatabaseUnavailable as error:
            raise Down(str(error)) from error

    return check


async def _on_database_unavailable(request: Request, error: Exception) -> Response:
    _log.warning("the database does not answer", extra={"fields": {"error": str(error)}})
    return answer(request, unavailable("database", "The database does not answer."))
