"""``python -m agents.replay``: replays that activations wait for, until SIGTERM or SIGINT."""

import asyncio
import logging
import logging.config
import os
import signal
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final

import uvloop
from pydantic import ValidationError

from agents.background.kafka import SealedOutlet
from agents.lanes.patience import Patience
from agents.logs import dict_config
from agents.replay.postgres import PostgresDecisions
from agents.replay.replays import Replays
from agents.replay.settings import ReplaySettings
from agents.replay.telemetry import OUTAGES
from agents.telemetry import serve

log = logging.getLogger("governance.replay")

ACTOR: Final = "aumos-replay"
"""``ce_actorid`` of what this process says."""


async def run(settings: ReplaySettings) -> None:
    """Everything this process does; returns after a signal. An unexpected error ends it."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    os.nice(settings.nice)
    async with AsyncExitStack() as resources:
        source = PostgresDecisions(settings.database_url.get_secret_value())
        resources.push_async_callback(source.close)
        outlet = SealedOutlet(settings.broker(), settings.key(), _now, ACTOR)
        resources.push_async_callback(outlet.close)
        patience = Patience(_report)
        replays = Replays(source, outlet, settings.opa_binary, settings.timeout_s, patience)

        def problems() -> dict[str, str | None]:
            return {"replays": patience.outage or (None if replays.looked else "nothing was looked at yet")}

        if settings.metrics_listen:
            runner = await serve(settings.metrics_listen, problems)
            resources.push_async_callback(runner.cleanup)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(replays.run(), name="replays")
            log.info("replay process is running")
            await stop.wait()
            task.cancel()


def main() -> None:
    """Runs the process."""
    logging.config.dictConfig(dict_config())
    try:
        settings = ReplaySettings.read()
    except ValidationError as error:
        raise SystemExit(f"agents.replay cannot start: {error}") from None
    uvloop.run(run(settings))


def _report(what: str) -> None:
    OUTAGES.inc()
    log.warning("%s; trying again", what)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
