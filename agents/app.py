"""The Faust app: one agent per family. The only file that imports faust.

    faust -A agents.app worker --without-web

Faust delivers raw bytes and acknowledges nothing by itself; agents never raise. Progress is what the
database says (docs/guarantees.md).
"""

import uvloop

uvloop.install()  # before faust is imported: it picks its loop at import

from pathlib import Path  # noqa: E402
from tempfile import gettempdir  # noqa: E402
from typing import TypeAlias, cast  # noqa: E402

import faust  # noqa: E402
from mode import Service  # noqa: E402

from agents.lanes.intake import Intake  # noqa: E402
from agents.logs import dict_config  # noqa: E402
from agents.records import CommandRecord, LaneId  # noqa: E402
from agents.settings import WorkerSettings  # noqa: E402
from agents.wiring import Engine, or_die  # noqa: E402
from schemas.topics import FAMILIES, Family, topics  # noqa: E402

Event: TypeAlias = "faust.types.EventT[bytes]"
Stream: TypeAlias = "faust.types.StreamT[Event]"

settings = WorkerSettings()

app = faust.App(
    "aumos-governance-engine",
    broker=";".join(f"kafka://{address.strip()}" for address in settings.kafka.split(",")),
    store="memory://",
    key_serializer="raw",
    value_serializer="raw",
    topic_allow_declare=False,
    topic_disable_leader=True,
    table_standby_replicas=0,
    stream_wait_empty=True,
    stream_buffer_maxsize=4096,
    broker_commit_interval=1.0,
    broker_session_timeout=settings.session_timeout_s,
    broker_heartbeat_interval=settings.session_timeout_s / 5,
    consumer_group_instance_id=settings.slot,
    consumer_auto_offset_reset="earliest",
    worker_redirect_stdouts=False,
    logging_config=dict_config(),
    datadir=Path(gettempdir()) / f"aumos-governance-{settings.slot}",  # it keeps nothing there
)


def _assigned() -> list[LaneId]:
    return [LaneId(where.topic, where.partition) for where in app.consumer.assignment()]


engine = Engine(settings, _assigned)


@app.service
class EngineService(Service):
    """Starts and stops the engine with the app."""

    async def on_start(self) -> None:
        await engine.start()

    async def on_stop(self) -> None:
        await engine.stop()


def _agent(family: Family) -> None:
    topic = app.topic(topics().commands(family).name, key_serializer="raw", value_serializer="raw")

    async def agent(stream: Stream) -> None:
        await or_die(_feed(stream, await engine.intake(family)), f"agent {family}")

    app.agent(topic, concurrency=1, name=f"{family} agent")(agent)


async def _feed(stream: Stream, intake: Intake) -> None:
    async for event in stream.noack().events():  # type: ignore[attr-defined]
        await intake.deliver(_record(event), event.ack)


def _record(event: Event) -> CommandRecord:
    message = event.message
    return CommandRecord(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        headers=tuple(cast("list[tuple[str, bytes]]", message.headers or [])),
        value=message.value,
    )


for _family in FAMILIES:
    _agent(_family)
