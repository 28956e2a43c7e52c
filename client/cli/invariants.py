"""The one place that knows how the checker of the six invariants is called."""

import httpx
from aiokafka.errors import KafkaError

from client.cli.postgres import DATABASE_ERRORS
from client.cli.settings import Settings
from client.errors import NotConfigured, Unreachable
from projections.invariants import Report, Sources, check


async def check_invariants(settings: Settings) -> Report:
    """Runs the checker over Kafka, the primary database, the wall and the read API.

    Raises :class:`NotConfigured` and :class:`Unreachable`.
    """
    if settings.sink_api_url is None:
        raise NotConfigured("AUMOS_GOVERNANCE_SINK_API_URL", "read the wall")
    if settings.token_key is None:
        raise NotConfigured("AUMOS_GOVERNANCE_TOKEN_KEY", "read the wall across tenants")
    sources = Sources(
        kafka=settings.bootstrap,
        database=settings.database(),
        sink_url=settings.sink_api_url,
        api_url=settings.api_url or "",
        token_key=settings.token_key.get_secret_value(),
    )
    try:
        return await check(sources)
    except (httpx.HTTPError, KafkaError, OSError, *DATABASE_ERRORS) as error:
        raise Unreachable(f"a source cannot be read: {type(error).__name__}: {error}") from error
