"""``python -m agents.background``: timers, artifacts and overdue replays, until SIGTERM or SIGINT."""

import asyncio
import logging
import logging.config
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Final

import uvloop
from pydantic import ValidationError

from agents.background.kafka import SealedOutlet
from agents.background.overdue import Overdue
from agents.background.postgres import PostgresDue
from agents.background.s3 import S3Artifacts
from agents.background.scheduler import Scheduler
from agents.background.settings import BackgroundSettings
from agents.background.telemetry import OUTAGES
from agents.background.verifier import Rules, Verifier
from agents.lanes.patience import Patience
from agents.logs import dict_config
from agents.telemetry import serve

log = logging.getLogger("governance.background")

REPLAY_GIVEN_UP_AFTER: Final = 3
"""Times the longest replay: others may be before it."""


async def run(settings: BackgroundSettings) -> None:
    """Everything this process does; returns after a signal. An unexpected error in a loop ends it."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as resources:
        source = PostgresDue(settings.database_url.get_secret_value())
        resources.push_async_callback(source.close)
        outlet = SealedOutlet(settings.broker(), settings.key(), _now)
        resources.push_async_callback(outlet.close)
        store = await resources.enter_async_context(S3Artifacts.connect(settings.bucket()))
        patience = {name: Patience(_report(name)) for name in ("scheduler", "verifier", "overdue")}
        rules = Rules(settings.max_bytes, timedelta(days=settings.retention_days))
        verifier = Verifier(source, store, outlet, rules, patience["verifier"], _now, settings.poll_s)
        scheduler = Scheduler(source, outlet, patience["scheduler"], _now)
        limit = REPLAY_GIVEN_UP_AFTER * timedelta(seconds=settings.replay_timeout_s)
        overdue = Overdue(source, outlet, limit, patience["overdue"], _now)

        def problems() -> dict[str, str | None]:
            waiting = {name: each.outage for name, each in patience.items()}
            return waiting if verifier.looked else {"start": "nothing was looked at yet", **waiting}

        if settings.metrics_listen:
            runner = await serve(settings.metrics_listen, problems)
            resources.push_async_callback(runner.cleanup)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(scheduler.run(), name="scheduler"),
                group.create_task(verifier.run(), name="verifier"),
                group.create_task(overdue.run(), name="overdue"),
            ]
            log.info("background process is running")
            await stop.wait()
            for task in tasks:
                task.cancel()


def main() -> None:
    """Runs the process."""
    logging.config.dictConfig(dict_config())
    try:
        settings = BackgroundSettings.read()
    except ValidationError as error:
        raise SystemExit(f"agents.background cannot start: {error}") from None
    uvloop.run(run(settings))


def _report(loop: str) -> Callable[[str], None]:
    def report(what: str) -> None:
        OUTAGES.labels(loop).inc()
        log.warning("%s: %s; trying again", loop, what)

    return report


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
