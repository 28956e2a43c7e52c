"""``python -m agents.bundles``: the bundle service, until SIGTERM or SIGINT."""

import asyncio
import logging
import signal
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry, start_http_server
from pydantic import ValidationError

from agents.bundles.activations import Activations
from agents.bundles.commands import Sealer
from agents.bundles.distribution import Distribution
from agents.bundles.loops import Outages, announce, read_versions
from agents.bundles.postgres import PostgresVersions
from agents.bundles.settings import BundleSettings
from agents.bundles.telemetry import Telemetry
from agents.bundles.web import Front
from agents.outlet import KafkaOutlet

STALE_S: Final = 10.0
"""Age of the last reading, in seconds, from which this process is not ready."""


async def serve(settings: BundleSettings) -> None:
    """Everything this process does; returns after a signal."""
    source = PostgresVersions(settings.database_url.get_secret_value())
    outlet = KafkaOutlet(settings.broker())
    distribution = Distribution(source, settings.processes(), settings.bundle_key())
    sealer = Sealer(settings.key(), lambda: datetime.now(UTC))
    activations = Activations(sealer, settings.confirm_timeout_s, settings.repeat_s)
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, distribution)
    database, kafka = Outages("postgres", telemetry), Outages("kafka", telemetry)

    def missing() -> str:
        if distribution.read_at is None or monotonic() - distribution.read_at > STALE_S:
            return "the database was not read lately"
        return "Kafka does not answer" if kafka.lasting else ""

    runner = web.AppRunner(
        Front(distribution, registry, missing).application(), access_log=None, shutdown_timeout=5.0
    )
    await runner.setup()
    host, _, port = settings.listen.rpartition(":")
    await web.TCPSite(runner, host, int(port)).start()
    if settings.metrics_listen:
        metrics_host, _, metrics_port = settings.metrics_listen.rpartition(":")
        start_http_server(int(metrics_port), metrics_host, registry)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    read_versions(
                        source, distribution, activations, database, settings.poll_s, settings.coalesce_s
                    )
                ),
                group.create_task(announce(outlet, distribution, activations, kafka, telemetry)),
            ]
            await stop.wait()
            for task in tasks:
                task.cancel()
    finally:
        distribution.close()
        await runner.cleanup()
        await outlet.close()
        await source.close()


def main() -> None:
    """Runs the process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = BundleSettings.read()
    except ValidationError as error:
        raise SystemExit(f"agents.bundles cannot start: {error}") from None
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
