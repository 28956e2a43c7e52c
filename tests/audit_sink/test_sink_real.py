"""The sink on real Kafka and PostgreSQL: cut at COMMIT, killed, paused, twice at once."""

import asyncio
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

import devstack
from audit_sink.copy_format import COLUMNS, START
from audit_sink.errors import Behind
from audit_sink.kafka import KafkaEvents, KafkaReceipts
from audit_sink.postgres import APPENDER, PostgresWall
from audit_sink.probes import probes
from audit_sink.sink import Pace, Sink
from audit_sink.telemetry import Telemetry
from schemas.topics import Topic
from tests.audit_sink.commit_proxy import cutting_commits
from tests.audit_sink.conftest import MakeWall, WallDatabase
from tests.audit_sink.real_world import RealWorld

ROOT = Path(__file__).parents[2]
PACE = Pace(max_records=50, backoff_first_s=0.02, backoff_cap_s=0.2, stand_by_s=0.05)
SEED = 7


@pytest.fixture
async def world(
    wall_database: WallDatabase,
    kafka: str,
    event_topic: Topic,
    receipts_topic: Topic,
    producer: AIOKafkaProducer,
) -> RealWorld:
    return RealWorld(wall_database, kafka, event_topic, receipts_topic, producer, defaultdict(int))


@asynccontextmanager
async def sinking(
    world: RealWorld, dsn: str, telemetry: Telemetry, pace: Pace = PACE
) -> AsyncIterator[asyncio.Task[None]]:
    """A sink in this process; stopped in good order at the end."""
    async with (
        PostgresWall(dsn, 4) as wall,
        KafkaEvents(world.kafka) as events,
        KafkaReceipts(world.kafka, world.receipts_topic) as receipts,
    ):
        sink = Sink(wall, events, receipts, world.lanes, telemetry, pace)
        running = asyncio.create_task(sink.run())
        try:
            yield running
        finally:
            sink.stop()
            await running


async def complete(world: RealWorld, seconds: float = 60) -> None:
    """Until the wall has as many entries as there are events."""
    async with asyncio.timeout(seconds):
        while await world.size() < sum(world.written.values()):  # noqa: ASYNC110 - the wall is elsewhere
            await asyncio.sleep(0.05)


async def test_a_connection_cut_at_commit_loses_and_doubles_nothing(
    world: RealWorld, telemetry: Telemetry
) -> None:
    drawn = random.Random(SEED)
    async with cutting_commits(world.wall.writer) as proxy, sinking(world, proxy.dsn, telemetry):
        for _ in range(8):
            proxy.plan.extend(drawn.choices(("before", "after", "pass"), k=2))
            for lane in world.lanes:
                await world.publish_next(lane, drawn.randint(0, 40))
                if drawn.random() < 0.5 and world.written[lane]:
                    await world.publish_again(lane, drawn.randint(1, world.written[lane]))
            await complete(world)
        assert not proxy.plan
    await world.check()


async def test_repeats_from_long_ago_are_compared_and_dropped(world: RealWorld, telemetry: Telemetry) -> None:
    lane = world.lanes[1]
    async with sinking(world, world.wall.writer, telemetry):
        for _ in range(3):
            await world.publish_next(lane, 120)
            await complete(world)
        await world.publish_again(lane, 1)
        await world.publish_next(lane, 1)
        await complete(world)
    await world.check()


async def test_a_wall_of_an_older_backup_is_not_continued(
    world: RealWorld, make_wall: MakeWall, telemetry: Telemetry
) -> None:
    async with sinking(world, world.wall.writer, telemetry):
        await world.publish_next(world.lanes[0], 5)
        await complete(world)
    restored = await make_wall()
    with pytest.raises(Behind):
        async with sinking(world, restored.writer, telemetry) as running:
            await asyncio.wait({running}, timeout=20)


class Processes:
    """Sinks as processes of their own."""

    def __init__(self, world: RealWorld) -> None:
        self._world = world
        self.running: list[asyncio.subprocess.Process] = []

    async def start(self) -> asyncio.subprocess.Process:
        """One more."""
        topic = self._world.event_topic
        environment = {
            "PATH": os.environ["PATH"],
            "AUMOS_GOVERNANCE_AUDIT_DB_URL": self._world.wall.writer,
            "AUMOS_KAFKA_BOOTSTRAP_SERVERS": self._world.kafka,
            "AUMOS_GOVERNANCE_SINK_BATCH_RECORDS": "200",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.audit_sink.sink_process",
            topic.name,
            str(topic.partitions),
            self._world.receipts_topic.name,
            cwd=ROOT,
            env=environment,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self.running.append(process)
        return process

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        """SIGKILL."""
        self.running.remove(process)
        process.kill()
        await process.wait()

    async def stop(self) -> list[int]:
        """SIGTERM to all, resumed first, once they have come so far as to handle it; their exit codes."""
        for process in self.running:
            process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(30):
            while not all(_handles(p.pid, signal.SIGTERM) for p in self.running):  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.05)
        for process in self.running:
            process.terminate()
        async with asyncio.timeout(30):
            return [await process.wait() for process in self.running]


def _handles(pid: int, number: signal.Signals) -> bool:
    """Whether a process catches a signal (``SigCgt`` in proc_pid_status(5))."""
    status = Path("/proc", str(pid), "status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@pytest.fixture
async def processes(world: RealWorld) -> AsyncIterator[Processes]:
    made = Processes(world)
    yield made
    for process in made.running:
        if process.returncode is None:
            await made.kill(process)


async def test_two_processes_killed_and_paused_at_random_make_the_same_wall(
    world: RealWorld, processes: Processes
) -> None:
    drawn = random.Random(SEED)
    done = asyncio.Event()

    async def load() -> None:
        while not done.is_set():
            lane = drawn.choice(world.lanes)
            await world.publish_next(lane, drawn.randint(1, 60))
            if drawn.random() < 0.2:
                await world.publish_again(lane, max(world.written[lane] - 100, 1))
            await asyncio.sleep(0.01)

    loading = asyncio.create_task(load())
    for _ in range(2):
        await processes.start()
    for number in range(10):
        await asyncio.sleep(drawn.uniform(0.5, 1.5))
        victim = drawn.choice(processes.running)
        if number % 5 == 4:
            # Longer than the lead's session lives: the other one takes over.
            victim.send_signal(signal.SIGSTOP)
            await asyncio.sleep(6)
            victim.send_signal(signal.SIGCONT)
        else:
            await processes.kill(victim)
            await processes.start()
    done.set()
    await loading
    await complete(world)
    assert await processes.stop() == [0, 0]
    await world.check()


async def test_a_stopped_leader_gives_way_within_five_seconds(world: RealWorld, processes: Processes) -> None:
    await world.publish_next(world.lanes[0], 1)
    leader = await processes.start()
    await complete(world)
    await processes.start()
    await asyncio.sleep(2)
    leader.send_signal(signal.SIGSTOP)
    await world.publish_next(world.lanes[0], 1)
    # Five seconds, and what starting to read takes on a busy machine.
    await complete(world, seconds=15)
    leader.send_signal(signal.SIGCONT)
    await world.publish_next(world.lanes[0], 50)
    await complete(world)
    assert await processes.stop() == [0, 0]
    await world.check()


async def test_a_leader_paused_inside_its_copy_holds_nobody_up(
    world: RealWorld, telemetry: Telemetry
) -> None:
    """The standby waits for the same batch number; the new leader ends the old one's session."""
    stuck = await asyncpg.connect(world.wall.writer, server_settings={"application_name": APPENDER})
    await stuck.execute("BEGIN")
    lane = world.lanes[0]
    await stuck.execute(
        "INSERT INTO governance_audit.gov_audit_batches"
        " VALUES (1, $1, 0, 0, 1, 1, 1, 0, 0, $2, ''::bytea, $2)",
        lane.topic,
        bytes(32),
    )

    async def paused() -> AsyncIterator[bytes]:
        yield START
        await asyncio.Event().wait()

    copying = asyncio.create_task(
        stuck.copy_to_table(
            "gov_audit_trail_entries",
            schema_name="governance_audit",
            columns=COLUMNS,
            source=paused(),
            format="binary",
        )
    )
    await world.publish_next(lane, 3)
    async with sinking(world, world.wall.writer, telemetry):
        await complete(world, seconds=20)
    await world.check()
    copying.cancel()
    await asyncio.wait({copying})
    assert stuck.is_closed()


def restarted(stack: devstack.Stack, server: str) -> None:
    """Starts a killed server; PostgreSQL waits until the system has collected its predecessor."""
    for _ in range(20):
        with suppress(devstack.ComponentFailed):
            return stack.start(server)
        time.sleep(0.5)
    return stack.start(server)


@pytest.mark.parametrize("server", ["postgres-audit", "kafka"])
async def test_a_server_killed_under_load_is_waited_for(
    world: RealWorld, stack: devstack.Stack, telemetry: Telemetry, server: str
) -> None:
    done = asyncio.Event()

    async def load() -> None:
        while not done.is_set():
            for lane in world.lanes:
                await world.publish_next(lane, 10)
            await asyncio.sleep(0.02)

    async with sinking(world, world.wall.writer, telemetry):
        loading = asyncio.create_task(load())
        await asyncio.sleep(1)
        await asyncio.to_thread(stack.kill, server)
        await asyncio.sleep(1)
        await asyncio.to_thread(restarted, stack, server)
        await asyncio.sleep(1)
        done.set()
        await loading
        await complete(world)
        assert telemetry.health.state == "leading"
    await world.check()


async def test_the_probes_tell_the_state(world: RealWorld, kafka: str) -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry)
    with probes("127.0.0.1:0", registry, telemetry.health) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/ready")).status_code == 503
            async with sinking(world, world.wall.writer, telemetry):
                await world.publish_next(world.lanes[0], 4)
                await complete(world)
                await asyncio.sleep(0.3)
                ready = await client.get("/ready")
                assert (ready.status_code, ready.json()["state"]) == (200, "leading")
                metrics = (await client.get("/metrics")).text
                assert "audit_sink_entries_total 4.0" in metrics
                assert "audit_sink_log_size 4.0" in metrics
            assert (await client.get("/live")).status_code == 200
            assert (await client.get("/nowhere")).status_code == 404
