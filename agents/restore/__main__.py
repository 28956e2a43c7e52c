"""``python -m agents.restore [--topic TOPIC --partition N]``: restores one lane, or all of them.

With a worker's environment. Exit 0 when every lane is up to its events, 1 where one is not, 2 on bad usage.
"""

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack

from pydantic import ValidationError

from agents.errors import LaneBehind, Outage
from agents.kafka import KafkaCommandLog
from agents.reading import Reader
from agents.records import LaneId
from agents.restore.history import KafkaHistory
from agents.restore.lane import restore
from agents.settings import WorkerSettings
from agents.store.postgres import PostgresStore
from schemas.confluent import ConfluentRegistry
from schemas.topics import FAMILIES, topics

SESSIONS = 4


async def restore_all(settings: WorkerSettings, lanes: list[LaneId]) -> bool:
    """Restores lanes one after the other and prints what was done; whether all are complete."""
    async with AsyncExitStack() as resources:
        url = settings.database_url.get_secret_value()
        store = await PostgresStore.connect(url, SESSIONS, settings.session_timeout_s)
        resources.push_async_callback(store.close)
        commands, history = KafkaCommandLog(settings.kafka), KafkaHistory(settings.kafka)
        for log in (commands, history):
            await log.start()
            resources.push_async_callback(log.stop)
        registry = ConfluentRegistry(settings.schema_registry_url) if settings.schema_registry_url else None
        reader = Reader(topics(), settings.key, registry)
        complete = True
        for lane in lanes:
            try:
                count = await restore(lane, store, commands, history, reader)
                print(f"{lane.topic}/{lane.partition}: {count} events restored")  # noqa: T201
            except LaneBehind as error:
                print(error, file=sys.stderr)  # noqa: T201
                complete = False
    return complete


def main() -> None:
    """The process."""
    parser = argparse.ArgumentParser(prog="python -m agents.restore", description=__doc__)
    parser.add_argument("--topic", help="command topic of one lane")
    parser.add_argument("--partition", type=int)
    options = parser.parse_args()
    every = [LaneId(t.name, n) for t in map(topics().commands, FAMILIES) for n in range(t.partitions)]
    chosen = [lane for lane in every if (*lane,) == (options.topic, options.partition)]
    if (options.topic or options.partition is not None) and not chosen:
        parser.error("--topic and --partition name no lane")
    try:
        complete = asyncio.run(restore_all(WorkerSettings(), chosen or every))
    except ValidationError as error:
        raise SystemExit(f"cannot restore: {error}") from None
    except Outage as error:
        raise SystemExit(f"cannot restore: {error}") from error
    raise SystemExit(0 if complete else 1)


if __name__ == "__main__":
    main()
