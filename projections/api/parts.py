"""What the routes work with, made once per process in :mod:`projections.api.app`."""

import asyncio
from dataclasses import dataclass

from fastapi import Request

from projections.api.catalogues import Catalogues
from projections.api.freshness import LaneHeads
from projections.api.metrics import Metrics
from projections.api.readiness import Readiness
from projections.api.session import Database
from projections.api.sink import SinkEntries
from projections.tokens import Verifier
from rego.explaining import Explainer


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one running app."""

    verifier: Verifier
    database: Database
    heads: LaneHeads
    sink: SinkEntries | None
    readiness: Readiness
    metrics: Metrics
    catalogues: Catalogues
    explainer: Explainer
    reader: asyncio.Task[None]
    """Reads the receipts for as long as the process lives."""


def parts(request: Request) -> Parts:
    """The parts of the app that serves a request."""
    found = request.app.state.parts
    assert isinstance(found, Parts)
    return found
