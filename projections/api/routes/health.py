"""``/live``, ``/ready`` and ``/metrics``: without a token, for the platform."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from projections.api.answers import answered
from projections.api.callers import PartsOf
from projections.api.models import Component, Live, Ready
from projections.api.readiness import ready

router = APIRouter(tags=["health"])


@router.get(
    "/live",
    response_model=Live,
    responses={503: {"model": Live, "description": "A part of the process has ended: restart it."}},
    operation_id="live",
)
async def live(parts: PartsOf) -> Response:
    """Whether the process does its work; asks nothing else."""
    well = not parts.reader.done()
    return answered(Live(live=well), 200 if well else 503)


@router.get(
    "/ready",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "Something that the API needs is down."}},
    operation_id="ready",
)
async def readiness(parts: PartsOf) -> Response:
    """The condition of the database, Kafka, OPA and the audit sink, at most a second old."""
    conditions = await parts.readiness.conditions()
    parts.metrics.conditions(conditions)
    well = ready(conditions)
    components = {name: Component(state=c.state, detail=c.detail) for name, c in conditions.items()}
    return answered(Ready(ready=well, components=components), 200 if well else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE_LATEST: {"schema": {"type": "string"}}}}},
    operation_id="metrics",
)
async def metrics(parts: PartsOf) -> Response:
    """Metrics in the Prometheus text format."""
    return Response(generate_latest(parts.metrics.registry), media_type=CONTENT_TYPE_LATEST)
