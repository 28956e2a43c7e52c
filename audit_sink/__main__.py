"""``python -m audit_sink``: exit 0 when stopped, 2 on bad settings, 3 when only an operator can go on."""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

import uvloop
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from audit_sink.appender import share_interpreter
from audit_sink.continuity import ShelfAnchors
from audit_sink.errors import Halt
from audit_sink.kafka import KafkaEvents, KafkaReceipts
from audit_sink.logs import log_json
from audit_sink.notary.s3 import TIMEOUT_S, S3Shelf
from audit_sink.postgres import PostgresWall
from audit_sink.probes import probes
from audit_sink.settings import SinkSettings
from audit_sink.sink import Pace, Sink
from audit_sink.telemetry import Telemetry
from audit_sink.verify.trust import BadTrust, Trust, read_trust
from audit_sink.wall import Lane
from schemas.topics import FAMILIES, Topic, topics


async def serve(
    settings: SinkSettings, trust: Trust | None, lanes: Sequence[Lane], receipts_topic: Topic
) -> None:
    """Wires the sink to Postgres and Kafka and runs it until SIGTERM or SIGINT."""
    registry = CollectorRegistry()
    telemetry = Telemetry(registry)
    pace = Pace(max_records=settings.batch_records, linger_s=settings.linger_ms / 1000)
    async with AsyncExitStack() as stack:
        wall = await stack.enter_async_context(
            PostgresWall(settings.audit_db_url.get_secret_value(), settings.pool_size)
        )
        events = await stack.enter_async_context(KafkaEvents(settings.bootstrap_servers))
        receipts = await stack.enter_async_context(KafkaReceipts(settings.bootstrap_servers, receipts_topic))
        anchors = None
        if (bucket := settings.wall_bucket()) is not None:
            client = await stack.enter_async_context(bucket.connect(TIMEOUT_S))
            anchors = ShelfAnchors(S3Shelf(client, bucket.name, timedelta(0)), trust)
        port = stack.enter_context(probes(settings.metrics_listen, registry, telemetry.health))
        sink = Sink(wall, events, receipts, lanes, telemetry, pace, anchors=anchors, trust=trust)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, sink.stop)
        logging.getLogger("audit_sink").info("started", extra={"metrics_port": port})
        await sink.run()
    logging.getLogger("audit_sink").info("stopped")


def event_lanes() -> list[Lane]:
    """Every partition of every event topic."""
    found = [topics().events(family) for family in FAMILIES]
    return [Lane(topic.name, partition) for topic in found for partition in range(topic.partitions)]


def main() -> None:
    """The process."""
    run(event_lanes(), topics().receipts)


def run(lanes: Sequence[Lane], receipts_topic: Topic) -> None:
    """A sink process of these lanes; raises SystemExit with its exit code."""
    log_json()
    try:
        settings = SinkSettings()
        trust = None if settings.trust is None else read_trust(settings.trust)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            print(f"{problem['loc'][0]}: {problem['msg']}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    except BadTrust as error:
        print(f"AUMOS_GOVERNANCE_LOG_TRUST: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    share_interpreter()
    try:
        uvloop.run(serve(settings, trust, lanes, receipts_topic))
    except Halt as error:
        name = type(error).__name__.lower()
        logging.getLogger("audit_sink").critical("halted", extra={"name_of_halt": name, "reason": str(error)})
        raise SystemExit(3) from None


if __name__ == "__main__":
    main()
