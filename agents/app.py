"""The Faust app: one agent per family. The only file that imports faust.

    faust -A agents.app worker --without-web

Faust delivers raw bytes and acknowledges nothing by itself; agents never raise. Progress is what the
database says (docs/guarantees.md).
"""

import uvloop

uvloop.install()  # before faust is imported: it picks its loop at import

import gc  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import gettempdir  # noqa: E402
from typing import Any, Final, TypeAlias  # noqa: E402

import faust  # noqa: E402
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport  # noqa: E402
from faust.types.tuples import TP, ConsumerMessage  # noqa: E402
from mode import Service  # noqa: E402
from pydantic import ValidationError  # noqa: E402

from agents.lanes.intake import Intake  # noqa: E402
from agents.logs import dict_config  # noqa: E402
from agents.records import CommandRecord, LaneId  # noqa: E402
from agents.settings import WorkerSettings  # noqa: E402
from agents.wiring import Engine, or_die  # noqa: E402
from schemas.topics import FAMILIES, Family, topics  # noqa: E402

Event: TypeAlias = "faust.types.EventT[bytes]"
Stream: TypeAlias = "faust.types.StreamT[Event]"

GARBAGE: Final = (50_000, 50, 100)
"""Thresholds of the cyclic garbage collector. A batch keeps tens of thousands of objects alive until it is
committed and leaves no cycles; looking for some at every 700 took a fifth of the worker's time."""

SWITCH_S: Final = 0.000_5
"""How long the consumer's thread may keep the interpreter from the agents. At Python's own 5 ms the fetches
of 300 commands a second took the 99th percentile of the latency from 52 ms to 80 ms."""

FETCH_WAIT_MS: Final = 50
"""How long the broker may hold a fetch for which it has nothing. A partition that was fetched and not taken
over for 100 ms is left out of the next fetch, and all of a broker wait for that one; at Faust's 1,500 ms the
busy lanes stood still for a second behind the idle ones, and again after what that left behind."""

try:
    settings = WorkerSettings()
except ValidationError as error:
    raise SystemExit(f"the worker cannot start: {error}") from None


class Fetched(ConsumerMessage):
    """What was fetched of one partition at once, as one message of Faust's; its offset is the last one's."""

    __slots__ = ("records",)

    def __init__(self, where: TP, records: Sequence[Any], generation_id: int) -> None:
        last = records[-1]
        super().__init__(
            where.topic,
            where.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            headers=None,
            key=None,
            value=None,
            checksum=None,
            tp=where,
            generation_id=generation_id,
        )
        self.records = records


class FetchThread(AIOKafkaConsumerThread):
    """Faust's fetching thread with :data:`FETCH_WAIT_MS`."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 - Faust has no setting for it
        return consumer


class FetchConsumer(Consumer):
    """Faust's consumer with one message a fetch and partition.

    Faust spends several tasks and turns of the event loop on each message: a third of the worker's time,
    and a bound on how fast records reach a batch (docs/performance.md).
    """

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:
        records, active = await super()._wait_next_records(timeout)
        return records and {where: [found] for where, found in records.items() if found}, active

    def _to_message(self, tp: TP, record: Any) -> Fetched:
        return Fetched(tp, record, self.app.consumer_generation_id)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A hole between two messages is a fetch; nothing has to be remembered of it."""

    def _new_offset(self, tp: TP) -> int | None:
        """Where the group goes on: acknowledgements come in order, so the newest one covers all before."""
        if not (acked := self._acked[tp]):
            return None
        newest: int = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return newest + 1


class FetchTransport(Transport):
    """Kafka with :class:`FetchConsumer`."""

    Consumer = FetchConsumer


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
    stream_buffer_maxsize=16,  # fetches, of at most 1 MiB each
    broker_commit_interval=1.0,
    broker_session_timeout=settings.session_timeout_s,
    broker_heartbeat_interval=settings.session_timeout_s / 5,
    consumer_group_instance_id=settings.slot,
    consumer_auto_offset_reset="earliest",
    worker_redirect_stdouts=False,
    logging_config=dict_config(),
    datadir=Path(gettempdir()) / f"aumos-governance-{settings.slot}",  # it keeps nothing there
)
app.transport = FetchTransport(app.conf.broker_consumer, app)


def _assigned() -> list[LaneId]:
    return [LaneId(where.topic, where.partition) for where in app.consumer.assignment()]


engine = Engine(settings, _assigned)


@app.service
class EngineService(Service):
    """Starts and stops the engine with the app."""

    async def on_start(self) -> None:
        await engine.start()
        gc.freeze()  # what is there now stays
        gc.set_threshold(*GARBAGE)
        sys.setswitchinterval(SWITCH_S)

    async def on_stop(self) -> None:
        await engine.stop()


def _agent(family: Family) -> None:
    topic = app.topic(topics().commands(family).name, key_serializer="raw", value_serializer="raw")

    async def agent(stream: Stream) -> None:
        await or_die(_feed(stream, await engine.intake(family)), f"agent {family}")

    app.agent(topic, concurrency=1, name=f"{family} agent")(agent)


async def _feed(stream: Stream, intake: Intake) -> None:
    async for event in stream.noack().events():  # type: ignore[attr-defined]
        *before, last = event.message.records
        for record in before:
            await intake.deliver(_record(record), _nothing)
        await intake.deliver(_record(last), event.ack)


def _record(fetched: Any) -> CommandRecord:
    return CommandRecord(
        topic=fetched.topic,
        partition=fetched.partition,
        offset=fetched.offset,
        key=fetched.key,
        headers=fetched.headers,
        value=fetched.value,
    )


def _nothing() -> None:
    """The last record of a fetch acknowledges all of it."""


for _family in FAMILIES:
    _agent(_family)
